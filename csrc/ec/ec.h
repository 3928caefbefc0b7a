/* The groups of P-256 and P-521, with all that exchange/group.h promises: prefixes kam3_p256_ and kam3_p521_. */
#ifndef KAM3_EC_EC_H
#define KAM3_EC_EC_H

#include "ec/p256_fe.h"
#include "ec/p521_fe.h"

#define KAM3_P256_ELEMENT_OCTETS 33
#define KAM3_P256_SCALAR_OCTETS 32
#define KAM3_P521_ELEMENT_OCTETS 66
#define KAM3_P521_SCALAR_OCTETS 66

#define KAM3_SC_PREFIX kam3_p256_
#define KAM3_SC_LIMBS 4
#define KAM3_SC_OCTETS KAM3_P256_SCALAR_OCTETS
#include "bn/scalar_decl.inc.h"

#define KAM3_SC_PREFIX kam3_p521_
#define KAM3_SC_LIMBS 9
#define KAM3_SC_OCTETS KAM3_P521_SCALAR_OCTETS
#include "bn/scalar_decl.inc.h"

#define KAM3_EC_PREFIX kam3_p256_
#define KAM3_EC_ELEMENT_OCTETS KAM3_P256_ELEMENT_OCTETS
#define KAM3_EC_TABLE_WORDS 8320
#include "ec/group_decl.inc.h"

#define KAM3_EC_PREFIX kam3_p521_
#define KAM3_EC_ELEMENT_OCTETS KAM3_P521_ELEMENT_OCTETS
#define KAM3_EC_TABLE_WORDS 38016
#include "ec/group_decl.inc.h"

#endif
