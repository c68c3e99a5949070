// SPDX-License-Identifier: MIT
// A clock that a test can set, for one program (LD_PRELOAD) or for all that start from then on (/etc/ld.so.preload): it
// adds the seconds in the file LAB_CLOCK, by default /run/lab/clock, to the time of day. The file is mapped when a program
// starts, so that one which opens no files any more has its clock set, too. What is not linked with libc is not led
// astray: the CA.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

using Function = int (*)(clockid_t, timespec*);
Function real = nullptr;
const volatile std::int64_t* ahead = nullptr;

[[gnu::constructor]] void prepare() {
  real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "clock_gettime"));
  const char* path = std::getenv("LAB_CLOCK");
  const int file = open(path == nullptr ? "/run/lab/clock" : path, O_RDONLY | O_CLOEXEC);
  void* page = mmap(nullptr, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
  if (page == MAP_FAILED) std::abort();
  ahead = static_cast<const volatile std::int64_t*>(page);
  close(file);
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  if (real == nullptr) prepare();  // another library's constructor may come first
  const int status = real(clock, time);
  if (status == 0 && clock == CLOCK_REALTIME) time->tv_sec += *ahead;
  return status;
}

// These do not come by clock_gettime() within libc.
extern "C" time_t time(time_t* to) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (to != nullptr) *to = now.tv_sec;
  return now.tv_sec;
}

extern "C" int gettimeofday(timeval* time, void*) noexcept {
  timespec now{};
  const int status = clock_gettime(CLOCK_REALTIME, &now);
  *time = {.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
  return status;
}

// A program with AddressSanitizer wants that to be loaded first, unless it is told otherwise.
extern "C" const char* __asan_default_options() { return "verify_asan_link_order=0"; }
