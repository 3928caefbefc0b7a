/* The functions of <string.h> that the library uses: enough to compile it for machines whose libc is not installed. */
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int octet, size_t len);
int memcmp(const void *left, const void *right, size_t len);
int strcmp(const char *left, const char *right); /* planted.c alone */
