// SPDX-License-Identifier: MIT
#include "protocol/channel.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

namespace certlatch {
namespace {

Result<bool> wait_until_ready(int fd, short events, Deadline deadline) {
  for (;;) {
    pollfd entry{fd, events, 0};
    const int n = ::poll(&entry, 1, poll_time(deadline));
    if (n > 0) return true;
    if (n < 0 && errno != EINTR) return fail(Error::system("poll"));
    if (deadline <= in({})) return false;
  }
}

}  // namespace

int poll_time(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 24 * 60 * 60 * 1000));
}

Result<bool> wait_alone(int fd, Deadline deadline) { return wait_until_ready(fd, POLLIN, deadline); }

Result<void> Channel::send_frame(std::size_t size, Deadline deadline) {
  auto frame = out_.bytes().first(kHeaderBytes + size);
  ArchiveWriter{frame}(static_cast<std::uint32_t>(size));
  while (!frame.empty()) {
    const ssize_t n = ::send(fd(), frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      frame = frame.subspan(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      if (!TRY(wait_until_ready(fd(), POLLOUT, deadline)))
        return fail(Error::timed_out("the peer does not take the message in time"));
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return fail(Error::closed("the peer has closed the connection"));
    } else if (errno != EINTR) {
      return fail(Error::system("send"));
    }
  }
  return {};
}

Result<bool> Channel::fill() {
  for (;;) {
    std::size_t end = kHeaderBytes;
    if (filled_ >= kHeaderBytes) {
      std::uint32_t size = 0;
      ArchiveReader{in_.bytes()}(size);
      if (size == 0 || size > kMaxFrameBytes)
        return fail(
            Error::invalid(fmt::format("a frame of {} bytes; 1 to {} are allowed", size, kMaxFrameBytes)));
      end += size;
    }
    if (filled_ == end) {
      began_.reset();
      return true;
    }
    // No room for control data: a descriptor that comes along is discarded by the kernel and shows as
    // MSG_CTRUNC.
    auto room = in_.bytes().subspan(filled_, end - filled_);
    iovec part{room.data(), room.size()};
    msghdr header{.msg_iov = &part, .msg_iovlen = 1};
    const ssize_t n = ::recvmsg(fd(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return false;
      if (errno == ECONNRESET) return fail(Error::closed("the peer has reset the connection"));
      return fail(Error::system("recvmsg"));
    }
    if ((header.msg_flags & MSG_CTRUNC) != 0)
      return fail(Error::invalid("a file descriptor came with the message"));
    if (n == 0) {
      if (filled_ == 0) return fail(Error::closed("the peer has closed the connection"));
      return fail(Error::invalid("the connection ended in the middle of a frame"));
    }
    if (filled_ == 0) began_ = std::chrono::steady_clock::now();
    filled_ += static_cast<std::size_t>(n);
  }
}

}  // namespace certlatch
