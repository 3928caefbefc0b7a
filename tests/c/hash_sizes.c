/* What ctypes must know of the contexts to hold them as plain memory. */
#include "hash/hash.h"

const size_t kam3_test_hash_size = sizeof(kam3_hash);
const size_t kam3_test_hmac_size = sizeof(kam3_hmac);
const size_t kam3_test_pbkdf2_size = sizeof(kam3_pbkdf2);
