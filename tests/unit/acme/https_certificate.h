// SPDX-License-Identifier: MIT
// A self-signed certificate for 127.0.0.1, localhost and ca.example.org, for a CA of the test's own.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <string>

inline void make_https_certificate(const std::string& key, const std::string& certificate) {
  const std::string command = fmt::format(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca "
      "-addext subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:ca.example.org -keyout {} -out {} 2>/dev/null",
      key, certificate);
  REQUIRE(std::system(command.c_str()) == 0);
}

/// The same key's, with other dates: "20200101000000Z".
inline void date_https_certificate(const std::string& key, const std::string& certificate,
                                   const std::string& from, const std::string& until) {
  const std::string ca = certificate + ".ca";
  std::ofstream(ca + ".index");
  std::ofstream(ca) << fmt::format(
      "[ca]\ndefault_ca=c\n[c]\ndatabase={0}.index\nnew_certs_dir={1}\nrand_serial=yes\ndefault_md=sha256\n"
      "policy=p\nx509_extensions=x\n[p]\ncommonName=supplied\n[x]\nsubjectAltName=IP:127.0.0.1\n"
      "basicConstraints=CA:TRUE\n",
      ca, certificate.substr(0, certificate.rfind('/')));
  const std::string command = fmt::format(
      "openssl req -new -key {0} -subj /CN=ca -out {1}.csr 2>/dev/null && openssl ca -batch -selfsign "
      "-notext "
      "-config {1} -keyfile {0} -in {1}.csr -startdate {2} -enddate {3} -out {4} 2>/dev/null",
      key, ca, from, until, certificate);
  REQUIRE(std::system(command.c_str()) == 0);
}
