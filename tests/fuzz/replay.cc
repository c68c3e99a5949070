// SPDX-License-Identifier: MIT
// A fuzz target without a fuzzer, for valgrind: each file as it is, cut short at places all over it, and with one bit
// changed there.
//
//   replay_TARGET FILE...       REPLAY_PLACES in the environment: how many places, in place of 100
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

namespace {

std::size_t places() {
  const char* wanted = std::getenv("REPLAY_PLACES");
  return wanted == nullptr ? 100 : std::max(1UL, std::strtoul(wanted, nullptr, 10));
}

/// From memory of its very size, so that a byte beyond it is noticed.
void replay(const std::vector<char>& bytes, std::size_t size) {
  const auto exact = std::make_unique<unsigned char[]>(size);
  std::copy_n(bytes.begin(), size, exact.get());
  LLVMFuzzerTestOneInput(exact.get(), size);
}

}  // namespace

int main(int count, char** arguments) {
  std::size_t inputs = 0;
  for (int i = 1; i < count; ++i) {
    std::ifstream file(arguments[i], std::ios::binary);
    std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
    replay(bytes, bytes.size());
    const auto step = std::max<std::size_t>(1, bytes.size() / places());
    for (std::size_t at = 0; at < bytes.size(); at += step, inputs += 2) {
      replay(bytes, at);
      const auto bit = static_cast<char>(1U << at % 8);
      bytes[at] = static_cast<char>(bytes[at] ^ bit);
      replay(bytes, bytes.size());
      bytes[at] = static_cast<char>(bytes[at] ^ bit);
    }
    ++inputs;
  }
  std::printf("%zu inputs\n", inputs);
  return inputs == 0 ? 2 : 0;
}
