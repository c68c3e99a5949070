// SPDX-License-Identifier: MIT
// Whole messages over a stream socket, each within a deadline: the broker's socket, and every socketpair
// between a process and its helpers. A frame is a u32 length (little-endian, 1 to kMaxFrameBytes), then one
// message (docs/protocol.md, "Frames"). Buffers are Secret memory, since an Install frame carries a private
// key.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>

#include "protocol/archive.h"
#include "protocol/result.h"
#include "protocol/secret.h"
#include "protocol/unique_fd.h"

namespace certlatch {

inline constexpr std::size_t kMaxFrameBytes = 64 * 1024;
/// From a frame's first byte to its last.
inline constexpr std::chrono::seconds kFrameDeadline{5};

using Deadline = std::chrono::steady_clock::time_point;
inline Deadline in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }
/// For poll(2): milliseconds until then, 0 when it has passed, at most a day.
[[nodiscard]] int poll_time(Deadline deadline);

/// How a process waits for another: true when `fd` became readable (or its peer is gone), false when the
/// deadline came first. The broker carries out one request at a time, but while it waits for a helper its
/// server still notices which connections end, and shuts their openings.
using Wait = std::function<Result<bool>(int fd, Deadline deadline)>;
/// Waits and does nothing else.
Result<bool> wait_alone(int fd, Deadline deadline);

class Channel {
 public:
  /// `socket` is a connected stream socket (unix(7)), blocking or not.
  explicit Channel(UniqueFd socket) : socket_(std::move(socket)) {}

  [[nodiscard]] int fd() const { return socket_.get(); }

  /// Sends one message. Kind::timed_out when the peer does not take it in time, Kind::closed when it is gone,
  /// Kind::invalid when the message does not fit into a frame (nothing was sent then).
  template <class Message>
  Result<void> send(const Message& message, Deadline deadline) {
    const auto size = encode(message, out_.bytes().subspan(kHeaderBytes));
    const auto sent = size ? send_frame(*size, deadline) : fail(size.error());
    out_.wipe();
    return sent;
  }

  /// Receives one message, waiting for it. Kind::closed when the peer ended the connection between two
  /// frames, Kind::timed_out, or Kind::invalid as fill() and decode() say.
  template <class Message>
  Result<Message> receive(Deadline deadline, const Wait& wait = wait_alone) {
    while (!TRY(fill()))
      if (!TRY(wait(fd(), deadline))) return fail(Error::timed_out("no whole message arrived in time"));
    return take<Message>();
  }

  // For an event loop: call fill() when the descriptor is readable; when it says true, take() the message.

  /// Reads what is there without waiting and never beyond the current frame. True when a frame is whole;
  /// false when more must come. Kind::closed: the peer ended the connection between two frames.
  /// Kind::invalid: it ended within a frame, a length is out of bounds, or a file descriptor came along (the
  /// kernel then discards it).
  Result<bool> fill();
  /// Decodes the whole frame that fill() announced, wipes it, and makes room for the next one.
  template <class Message>
  Result<Message> take() {
    auto message = decode<Message>(frame());
    in_.wipe();
    filled_ = 0;
    return message;
  }
  /// When the first byte of a frame that is not whole yet arrived; nothing between frames.
  [[nodiscard]] std::optional<Deadline> frame_began() const { return began_; }
  /// The whole frame that fill() announced, undecoded.
  [[nodiscard]] std::span<const std::byte> frame() const {
    return in_.bytes().subspan(kHeaderBytes, filled_ - kHeaderBytes);
  }

 private:
  static constexpr std::size_t kHeaderBytes = 4;
  [[nodiscard]] Result<void> send_frame(std::size_t size, Deadline deadline);

  UniqueFd socket_;
  Secret in_{kHeaderBytes + kMaxFrameBytes};
  Secret out_{kHeaderBytes + kMaxFrameBytes};
  std::size_t filled_ = 0;  // bytes of in_ that were read, header included
  std::optional<Deadline> began_;
};

}  // namespace certlatch
