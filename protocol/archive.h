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

#include <algorithm>
#include <array>
#include <bit>
#include <cereal/cereal.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
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
concept WireChoice = std::same_as<T, bool> ||(std::is_enum_v<T> && sizeof(T) == 1);
constexpr bool last_of(bool) { return true; }

template <WireInteger T>
constexpr T little_endian(T value) {
  return std::endian::native == std::endian::little ? value : std::byteswap(value);
}

/// Reads fields from a span, or writes them to one: the direction is `Walker`, one of cereal's two.
template <template <class, std::uint32_t> class Walker>
class BoundedArchive : public Walker<BoundedArchive<Walker>, cereal::AllowEmptyClassElision> {
  using Base = Walker<BoundedArchive, cereal::AllowEmptyClassElision>;
  static constexpr bool kReads = Base::is_loading::value;
  using Bytes = std::span<std::conditional_t<kReads, const std::byte, std::byte>>;

 public:
  explicit BoundedArchive(Bytes bytes) : Base(this), left_(bytes) {}

  void bytes(std::span<std::byte> field) {
    if (field.size() > left_.size())
      throw cereal::Exception(kReads ? "ends in the middle of a field" : "does not fit into a frame");
    if constexpr (kReads) std::ranges::copy(left_.first(field.size()), field.begin());
    if constexpr (!kReads) std::ranges::copy(field, left_.begin());
    left_ = left_.subspan(field.size());
  }
  /// A size that the rest of the message can hold, each element being at least one byte.
  std::size_t size(std::size_t count) {
    auto field = static_cast<std::uint32_t>(count);
    (*this)(field);
    if constexpr (kReads) count = field;
    if (count > left_.size())
      throw cereal::Exception(kReads ? "a size exceeds what is left" : "does not fit into a frame");
    return count;
  }
  [[nodiscard]] std::size_t left() const { return left_.size(); }

 private:
  Bytes left_;
};

using ArchiveReader = BoundedArchive<cereal::InputArchive>;
using ArchiveWriter = BoundedArchive<cereal::OutputArchive>;
template <class A>
concept Archive = std::same_as<A, ArchiveReader> || std::same_as<A, ArchiveWriter>;

}  // namespace certlatch

// cereal has a loader of its own for every enum, without a range check: ours is the one to use.
template <certlatch::Archive A, certlatch::WireChoice T>
struct cereal::specialize<A, T, cereal::specialization::non_member_serialize> : std::true_type {};
CEREAL_SETUP_ARCHIVE_TRAITS(certlatch::ArchiveReader, certlatch::ArchiveWriter)

namespace certlatch {

// What is written may be const beneath cereal's reference: only the reader assigns.

template <Archive A, WireInteger T>
void serialize(A& archive, T& value) {
  T raw = little_endian(value);
  archive.bytes(std::as_writable_bytes(std::span(&raw, 1)));
  if constexpr (A::is_loading::value) value = little_endian(raw);
}

template <Archive A, WireChoice T>
void serialize(A& archive, T& value) {
  auto byte = static_cast<std::uint8_t>(value);
  archive(byte);
  if (byte > static_cast<std::uint8_t>(last_of(T{})))
    throw cereal::Exception(std::same_as<T, bool> ? "a yes-or-no field is neither 0 nor 1"
                                                  : "an unknown choice");
  if constexpr (A::is_loading::value) value = static_cast<T>(byte);
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

/// A message: one of several kinds, told apart by a first byte, the `static constexpr std::uint8_t kTag` of
/// each.
template <Archive A, class... Kinds>
void serialize(A& archive, std::variant<Kinds...>& message) {
  auto tag = std::visit([](const auto& body) { return body.kTag; }, message);
  archive(tag);
  if constexpr (A::is_loading::value) {
    const auto becomes = [&]<class Kind>() {
      return tag == Kind::kTag && (message.template emplace<Kind>(), true);
    };
    if (!(becomes.template operator()<Kinds>() || ...)) throw cereal::Exception("of an unknown kind");
  }
  std::visit([&](auto& body) { archive(body); }, message);
}

/// Reads or writes the message; returns how many of `bytes` are left, or Kind::invalid with a reason.
template <Archive A>
Result<std::size_t> walk(auto bytes, auto& message) {
  try {
    A archive(bytes);
    archive(message);
    return archive.left();
  } catch (const std::exception& e) {  // cereal::Exception from the archive; std::bad_alloc
    return fail(Error::invalid(std::string("message ") + e.what()));
  }
}

/// The number of bytes written to `out`; Kind::invalid when it does not fit.
template <class Message>
Result<std::size_t> encode(const Message& message, std::span<std::byte> out) {
  return out.size() - TRY(walk<ArchiveWriter>(out, message));
}

/// The whole of `in`, or Kind::invalid with a reason.
template <class Message>
Result<Message> decode(std::span<const std::byte> in) {
  Message message;
  if (TRY(walk<ArchiveReader>(in, message)) > 0)
    return fail(Error::invalid("message has bytes after its end"));
  return message;
}

}  // namespace certlatch
