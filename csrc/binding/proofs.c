/* Both proofs of one request (RFC 8120 section 12.2). */
#include "binding/binding.h"

enum { LABEL_VKS = 3, LABEL_VKC = 4 };

int kam3_binding_proofs(int algorithm, uint8_t *proofs, size_t proofs_len, const uint8_t *kc1, size_t kc1_len,
                        const uint8_t *ks1, size_t ks1_len, const uint8_t *z, size_t z_len, const uint8_t *nc, size_t nc_len,
                        const uint8_t *vh, size_t vh_len) {
    const size_t half = proofs_len / 2, rest = proofs_len - half; /* of an odd length, one is too long or too short for any hash */
    int answer = kam3_vk(algorithm, LABEL_VKC, proofs, half, kc1, kc1_len, ks1, ks1_len, z, z_len, nc, nc_len, vh, vh_len);
    if (answer == KAM3_OK) {
        answer = kam3_vk(algorithm, LABEL_VKS, proofs + half, rest, kc1, kc1_len, ks1, ks1_len, z, z_len, nc, nc_len, vh, vh_len);
    }
    if (answer != KAM3_OK && proofs != NULL) kam3_wipe(proofs, proofs_len);
    return answer;
}
