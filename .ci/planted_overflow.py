"""Make libkam3 write one octet beyond its caller's memory, to show that AddressSanitizer sees what happens in the extension."""

from kam3._native import ffi, lib

secret = ffi.new("uint8_t[32]", bytes(31) + b"\x05")
element = ffi.new("uint8_t[32]")
print(lib.kam3_kc1(lib.KAM3_EC_P256, element, 33, secret, 32))
