#!/bin/sh
# SPDX-License-Identifier: MIT
# What runs as root links what the README names, and nothing else. $1: certlatchd
set -eu
allowed='libmnl libnftnl libsodium libinih libseccomp libcap-ng libfmt libc libm libstdc++ libgcc_s
linux-vdso ld-linux-x86-64 ld-linux-aarch64'
# What the sanitizers of GCC and Clang bring along.
if ldd "$1" | grep -q libasan || nm "$1" | grep -q __asan_init; then
  allowed="$allowed libasan libubsan libresolv"
fi
strays=
for name in $(ldd "$1" | awk '{ print $1 }' | sed 's|.*/||; s/\.so.*//'); do
  case " $(echo $allowed) " in
    *" $name "*) ;;
    *) strays="$strays $name" ;;
  esac
done
[ -n "$strays" ] || exit 0
echo "certlatchd links more than its list:$strays" >&2
exit 1
