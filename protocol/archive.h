// SPDX-License-Identifier: MIT
// cereal as a field walker over our own bounded archives (docs/protocol.md, "Encoding").
//
// Integers are little-endian and of fixed size; a bool is the byte 0 or 1; an enum is one byte within its
// range; strings, lists and secrets carry a u32 size, which is refused when it exceeds the bytes that are
// left, before anything is allocated. A message must be consumed whole. cereal's own archives and container
// loaders are not used: its binary archive lets a ten-byte frame make the reader allocate gigabytes.
//
// An enum E that travels needs `constexpr E last_of(E)`, found by argument-dependent look-up: its greatest
// value.
#pragma once

#include <array>
#include <bit>
#include <cereal/cereal.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "protocol/result.h"
#include "protocol/secret.h"

namespace certlatch {

template <class T>
concept WireInteger = std::integral<T> && !std::same_as<T, bool>;
template <class T>
concept WireEnum = std::is_enum_v<T> && sizeof(T) == 1;

template <WireInteger T>
constexpr T little_endian(T value) {
  return std::endian::native == std::endian::little ? value : std::byteswap(value);
}

class ArchiveReader : public cereal::InputArchive<ArchiveReader, cereal::AllowEmptyClassElision> {
 public:
  explicit ArchiveReader(std::span<const std::byte> in) : InputArchive(this), left_(in) {}

  void bytes(std::span<std::byte> out) {
    if (out.size() > left_.size()) throw cereal::Exception("ends in the middle of a field");
    if (!out.empty()) std::memcpy(out.data(), left_.data(), out.size());
    left_ = left_.subspan(out.size());
  }
  template <WireInteger T>
  T integer(T = 0) {
    T raw = 0;
    bytes(std::as_writable_bytes(std::span(&raw, 1)));
    return little_endian(raw);
  }
  /// A size that the rest of the message can hold, each element being at least one byte.
  std::size_t size(std::size_t = 0) {
    const auto n = integer<std::uint32_t>();
    if (n > left_.size()) throw cereal::Exception("a size exceeds what is left");
    return n;
  }
  [[nodiscard]] std::size_t left() const { return left_.size(); }

 private:
  std::span<const std::byte> left_;
};

/// The same members as the reader's, so that one function a type serves both; each returns what it wrote.
class ArchiveWriter : public cereal::OutputArchive<ArchiveWriter, cereal::AllowEmptyClassElision> {
 public:
  explicit ArchiveWriter(std::span<std::byte> out) : OutputArchive(this), out_(out) {}

  void bytes(std::span<const std::byte> in) {
    if (in.size() > out_.size() - used_) throw cereal::Exception("does not fit into a frame");
    if (!in.empty()) std::memcpy(out_.data() + used_, in.data(), in.size());
    used_ += in.size();
  }
  template <WireInteger T>
  T integer(T value) {
    const T raw = little_endian(value);
    bytes(std::as_bytes(std::span(&raw, 1)));
    return value;
  }
  std::size_t size(std::size_t n) {
    if (n > out_.size() - used_) throw cereal::Exception("does not fit into a frame");
    return integer(static_cast<std::uint32_t>(n));
  }
  [[nodiscard]] std::size_t used() const { return used_; }

 private:
  std::span<std::byte> out_;
  std::size_t used_ = 0;
};

template <class A>
concept Archive = std::same_as<A, ArchiveReader> || std::same_as<A, ArchiveWriter>;

}  // namespace certlatch

// cereal has a loader of its own for every enum, without a range check: ours is the one to use.
template <certlatch::Archive A, certlatch::WireEnum E>
struct cereal::specialize<A, E, cereal::specialization::non_member_serialize> : std::true_type {};
CEREAL_SETUP_ARCHIVE_TRAITS(certlatch::ArchiveReader, certlatch::ArchiveWriter)

namespace certlatch {

// What is written may be const beneath cereal's reference: only the reader assigns.

template <Archive A, WireInteger T>
void serialize(A& archive, T& value) {
  const T number = archive.integer(value);
  if constexpr (A::is_loading::value) value = number;
}

template <Archive A>
void serialize(A& archive, bool& value) {
  const auto byte = archive.integer(static_cast<std::uint8_t>(value));
  if (byte > 1) throw cereal::Exception("a yes-or-no field is neither 0 nor 1");
  if constexpr (A::is_loading::value) value = byte == 1;
}

template <Archive A, WireEnum E>
void serialize(A& archive, E& value) {
  const auto byte = archive.integer(static_cast<std::uint8_t>(value));
  if (byte > static_cast<std::uint8_t>(last_of(E{}))) throw cereal::Exception("an unknown choice");
  if constexpr (A::is_loading::value) value = static_cast<E>(byte);
}

template <Archive A>
void serialize(A& archive, std::string& text) {
  const std::size_t size = archive.size(text.size());
  if constexpr (A::is_loading::value) text.resize(size);
  archive.bytes(std::as_writable_bytes(std::span(text)));
}

template <Archive A>
void serialize(A& archive, Secret& secret) {
  const std::size_t size = archive.size(secret.size());
  if constexpr (A::is_loading::value) secret = Secret(size);
  archive.bytes(secret.bytes());
}

template <Archive A, std::size_t N>
void serialize(A& archive, std::array<std::byte, N>& raw) {
  archive.bytes(raw);
}

// Grown element by element, so that memory follows the bytes that were really sent.
template <Archive A, class T>
void serialize(A& archive, std::vector<T>& list) {
  const std::size_t size = archive.size(list.size());
  if constexpr (A::is_loading::value) list.clear();
  for (std::size_t i = 0; i < size; ++i) archive(A::is_loading::value ? list.emplace_back() : list[i]);
}

/// One message per variant alternative, told apart by a first byte: each has `static constexpr std::uint8_t
/// kTag`. Returns the number of bytes written to `out`; Kind::invalid when it does not fit.
template <class... Messages>
Result<std::size_t> encode(const std::variant<Messages...>& message, std::span<std::byte> out) {
  try {
    ArchiveWriter archive(out);
    std::visit([&](const auto& body) { archive(std::uint8_t{body.kTag}, body); }, message);
    return archive.used();
  } catch (const std::exception& e) {
    return fail(Error::invalid(std::string("message ") + e.what()));
  }
}

template <class Message, std::size_t index = 0>
void decode_body(ArchiveReader& archive, std::uint8_t tag, Message& message) {
  if constexpr (index == std::variant_size_v<Message>) {
    throw cereal::Exception("of an unknown kind");
  } else {
    if (tag != std::variant_alternative_t<index, Message>::kTag)
      return decode_body<Message, index + 1>(archive, tag, message);
    archive(message.template emplace<index>());
  }
}

/// The whole of `in`, or Kind::invalid with a reason. `Message` is a std::variant as for encode().
template <class Message>
Result<Message> decode(std::span<const std::byte> in) {
  try {
    ArchiveReader archive(in);
    Message message;
    decode_body(archive, archive.integer<std::uint8_t>(), message);
    if (archive.left() > 0) throw cereal::Exception("has bytes after its end");
    return message;
  } catch (const std::exception& e) {  // cereal::Exception from the archive; std::bad_alloc
    return fail(Error::invalid(std::string("message ") + e.what()));
  }
}

}  // namespace certlatch
