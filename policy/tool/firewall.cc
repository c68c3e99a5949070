// SPDX-License-Identifier: MIT
#include "policy/tool/firewall.h"

#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <array>

namespace certlatch {
namespace {

constexpr std::size_t kBufferBytes = 128 * 1024;
// Somebody who never pauses to change the ruleset interrupts nine readings in ten.
constexpr int kAttempts = 50;
constexpr std::uint32_t kOwnerFlag = 0x2;  // NFT_TABLE_F_OWNER
constexpr std::uint8_t kUntilDevicesEnd = 16;

template <auto Free>
struct Freed {
  void operator()(auto* object) const { Free(object); }
};
using ParsedTable = std::unique_ptr<nftnl_table, Freed<nftnl_table_free>>;
using ParsedChain = std::unique_ptr<nftnl_chain, Freed<nftnl_chain_free>>;
using ParsedSet = std::unique_ptr<nftnl_set, Freed<nftnl_set_free>>;

std::string text(const char* text) { return text != nullptr ? text : ""; }

std::string_view name_of_family(std::uint8_t family) {
  switch (family) {
    case NFPROTO_IPV4:
      return "ip";
    case NFPROTO_IPV6:
      return "ip6";
    case NFPROTO_INET:
      return "inet";
    case NFPROTO_NETDEV:
      return "netdev";
    case NFPROTO_BRIDGE:
      return "bridge";
    default:
      return "arp";
  }
}

std::string set_key(std::uint8_t family, std::string_view table, std::string_view set) {
  return std::string(name_of_family(family)).append(" ").append(table).append(" ").append(set);
}

Chain chain_of(const nftnl_chain* parsed) {
  Chain chain{static_cast<std::uint8_t>(nftnl_chain_get_u32(parsed, NFTNL_CHAIN_FAMILY)),
              text(nftnl_chain_get_str(parsed, NFTNL_CHAIN_TABLE)),
              text(nftnl_chain_get_str(parsed, NFTNL_CHAIN_NAME)),
              std::nullopt,
              {}};
  if (!nftnl_chain_is_set(parsed, NFTNL_CHAIN_HOOKNUM)) return chain;
  Hook hook{text(nftnl_chain_get_str(parsed, NFTNL_CHAIN_TYPE)),
            nftnl_chain_get_u32(parsed, NFTNL_CHAIN_HOOKNUM),
            nftnl_chain_get_s32(parsed, NFTNL_CHAIN_PRIO),
            nftnl_chain_is_set(parsed, NFTNL_CHAIN_POLICY) &&
                nftnl_chain_get_u32(parsed, NFTNL_CHAIN_POLICY) == NF_DROP,
            {}};
  if (nftnl_chain_is_set(parsed, NFTNL_CHAIN_DEV))
    hook.devices.push_back(text(nftnl_chain_get_str(parsed, NFTNL_CHAIN_DEV)));
  if (nftnl_chain_is_set(parsed, NFTNL_CHAIN_DEVICES)) {
    const auto* devices = nftnl_chain_get_array(parsed, NFTNL_CHAIN_DEVICES);
    for (std::uint8_t i = 0; i < kUntilDevicesEnd && devices != nullptr && devices[i] != nullptr; ++i)
      hook.devices.emplace_back(devices[i]);
  }
  chain.hook = std::move(hook);
  return chain;
}

/// As nft keeps it: type 0, length, text and NUL.
std::string comment_of(const nftnl_rule* rule) {
  std::uint32_t size = 0;
  const auto* data = static_cast<const char*>(nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &size));
  if (data == nullptr || size < 3 || data[0] != 0) return {};
  const std::string_view all(data + 2, size - 2);
  return std::string(all.substr(0, static_cast<unsigned char>(data[1]))).c_str();
}

Rule rule_of(std::shared_ptr<nftnl_rule> whole) {
  Rule rule;
  rule.handle = nftnl_rule_get_u64(whole.get(), NFTNL_RULE_HANDLE);
  rule.comment = comment_of(whole.get());
  rule.whole = std::move(whole);
  const std::unique_ptr<nftnl_expr_iter, Freed<nftnl_expr_iter_destroy>> statements(
      nftnl_expr_iter_create(rule.whole.get()));
  if (statements == nullptr) throw std::bad_alloc();
  while (const nftnl_expr* next = nftnl_expr_iter_next(statements.get())) rule.statements.push_back(next);
  return rule;
}

void append_elements(const nftnl_set* set, std::vector<Element>& all) {
  const std::unique_ptr<nftnl_set_elems_iter, Freed<nftnl_set_elems_iter_destroy>> each(
      nftnl_set_elems_iter_create(set));
  if (each == nullptr) throw std::bad_alloc();
  while (nftnl_set_elem* next = nftnl_set_elems_iter_next(each.get())) {
    if (nftnl_set_elem_is_set(next, NFTNL_SET_ELEM_FLAGS) &&
        (nftnl_set_elem_get_u32(next, NFTNL_SET_ELEM_FLAGS) & NFT_SET_ELEM_INTERVAL_END) != 0)
      continue;
    Element element;
    if (nftnl_set_elem_is_set(next, NFTNL_SET_ELEM_VERDICT))
      element.verdict = nftnl_set_elem_get_u32(next, NFTNL_SET_ELEM_VERDICT);
    if (nftnl_set_elem_is_set(next, NFTNL_SET_ELEM_CHAIN))
      element.chain = text(nftnl_set_elem_get_str(next, NFTNL_SET_ELEM_CHAIN));
    std::uint32_t size = 0;
    const void* data = nftnl_set_elem_is_set(next, NFTNL_SET_ELEM_DATA)
                           ? nftnl_set_elem_get(next, NFTNL_SET_ELEM_DATA, &size)
                           : nullptr;
    if (data != nullptr) element.data.assign(static_cast<const char*>(data), size);
    all.push_back(std::move(element));
  }
}

}  // namespace

std::string Chain::place() const {
  return std::string(name_of_family(family)).append(" ").append(table).append(" ").append(name);
}

/// One netlink socket.
class Firewall::Kernel {
 public:
  using Each = std::function<void(const nlmsghdr*)>;

  Result<void> open() {
    socket_.reset(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
    if (socket_ == nullptr || mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0)
      return fail(Error::system("open a socket to the kernel's firewall"));
    return {};
  }

  /// `put` adds the question's attributes to its message.
  Result<void> ask(int type, std::uint8_t family, int flags, const std::function<void(nlmsghdr*)>& put,
                   const Each& each) {
    std::string bytes(kBufferBytes, '\0');
    const auto sequence = ++sequence_;
    nlmsghdr* question = nftnl_nlmsg_build_hdr(bytes.data(), static_cast<std::uint16_t>(type), family,
                                               static_cast<std::uint16_t>(flags | NLM_F_ACK), sequence);
    put(question);
    if (mnl_socket_sendto(socket_.get(), question, question->nlmsg_len) < 0)
      return fail(Error::system("ask the kernel for its firewall"));
    const auto forward = [](const nlmsghdr* message, void* to) {
      (*static_cast<const Each*>(to))(message);
      return MNL_CB_OK;
    };
    for (int status = MNL_CB_OK; status > MNL_CB_STOP;) {
      const auto size = mnl_socket_recvfrom(socket_.get(), bytes.data(), bytes.size());
      if (size < 0) return fail(Error::system("read the firewall"));
      status = mnl_cb_run(bytes.data(), static_cast<std::size_t>(size), sequence,
                          mnl_socket_get_portid(socket_.get()), forward, const_cast<Each*>(&each));
      if (status < 0) return fail(Error::system("read the firewall"));
    }
    return {};
  }
  Result<void> dump(int type, const Each& each) {
    return ask(
        type, NFPROTO_UNSPEC, NLM_F_DUMP, [](nlmsghdr*) {}, each);
  }
  /// Of the set as `question` describes it.
  Result<std::vector<Element>> elements(nftnl_set* question, std::uint8_t family, int flags) {
    std::vector<Element> all;
    const auto asked = ask(
        NFT_MSG_GETSETELEM, family, flags,
        [&](nlmsghdr* message) { nftnl_set_elems_nlmsg_build_payload(message, question); },
        [&](const nlmsghdr* answer) {
          const ParsedSet part(nftnl_set_alloc());
          if (part != nullptr && nftnl_set_elems_nlmsg_parse(answer, part.get()) == 0)
            append_elements(part.get(), all);
        });
    if (!asked) return fail(asked.error());
    return all;
  }

 private:
  std::unique_ptr<mnl_socket, Freed<mnl_socket_close>> socket_;
  std::uint32_t sequence_ = 0;
};

Firewall::Firewall(std::unique_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {}
Firewall::Firewall(Firewall&&) noexcept = default;
Firewall& Firewall::operator=(Firewall&&) noexcept = default;
Firewall::~Firewall() = default;

Result<Firewall> Firewall::read() {
  Firewall firewall(std::make_unique<Kernel>());
  if (auto opened = firewall.kernel_->open(); !opened) return fail(opened.error());
  for (int attempt = 1;; ++attempt) {
    const auto done = firewall.read_all();
    if (done) return firewall;
    const int code = done.error().sys_errno;
    if (code == EPERM || code == EACCES)
      return fail(Error::refused("only root may look at the ruleset in force"));
    if (code != EINTR || attempt == kAttempts) return fail(done.error());
  }
}

Result<void> Firewall::read_all() {
  tables_.clear();
  chains_.clear();
  key_bytes_.clear();
  const auto tables = kernel_->dump(NFT_MSG_GETTABLE, [&](const nlmsghdr* message) {
    const ParsedTable table(nftnl_table_alloc());
    if (table == nullptr || nftnl_table_nlmsg_parse(message, table.get()) != 0) return;
    const std::uint32_t flags = nftnl_table_get_u32(table.get(), NFTNL_TABLE_FLAGS);
    tables_.push_back({static_cast<std::uint8_t>(nftnl_table_get_u32(table.get(), NFTNL_TABLE_FAMILY)),
                       text(nftnl_table_get_str(table.get(), NFTNL_TABLE_NAME)), (flags & kOwnerFlag) != 0,
                       (flags & NFT_TABLE_F_DORMANT) != 0});
  });
  if (!tables) return tables;
  const auto chains = kernel_->dump(NFT_MSG_GETCHAIN, [&](const nlmsghdr* message) {
    const ParsedChain chain(nftnl_chain_alloc());
    if (chain != nullptr && nftnl_chain_nlmsg_parse(message, chain.get()) == 0)
      chains_.push_back(chain_of(chain.get()));
  });
  if (!chains) return chains;
  const auto sets = kernel_->dump(NFT_MSG_GETSET, [&](const nlmsghdr* message) {
    const ParsedSet set(nftnl_set_alloc());
    if (set == nullptr || nftnl_set_nlmsg_parse(message, set.get()) != 0) return;
    const auto family = static_cast<std::uint8_t>(nftnl_set_get_u32(set.get(), NFTNL_SET_FAMILY));
    const auto name = set_key(family, text(nftnl_set_get_str(set.get(), NFTNL_SET_TABLE)),
                              text(nftnl_set_get_str(set.get(), NFTNL_SET_NAME)));
    key_bytes_[name] = nftnl_set_get_u32(set.get(), NFTNL_SET_KEY_LEN);
  });
  if (!sets) return sets;
  Chain* last = nullptr;
  return kernel_->dump(NFT_MSG_GETRULE, [&](const nlmsghdr* message) {
    const std::shared_ptr<nftnl_rule> rule(nftnl_rule_alloc(), Freed<nftnl_rule_free>());
    if (rule == nullptr || nftnl_rule_nlmsg_parse(message, rule.get()) != 0) return;
    const auto family = static_cast<std::uint8_t>(nftnl_rule_get_u32(rule.get(), NFTNL_RULE_FAMILY));
    const std::string table = text(nftnl_rule_get_str(rule.get(), NFTNL_RULE_TABLE));
    const std::string name = text(nftnl_rule_get_str(rule.get(), NFTNL_RULE_CHAIN));
    if (last == nullptr || last->family != family || last->table != table || last->name != name)
      last = const_cast<Chain*>(find(family, table, name));
    if (last != nullptr) last->rules.push_back(rule_of(rule));
  });
}

const Chain* Firewall::find(std::uint8_t family, std::string_view table, std::string_view name) const {
  for (const Chain& chain : chains_)
    if (chain.family == family && chain.table == table && chain.name == name) return &chain;
  return nullptr;
}

const Table* Firewall::table_of(const Chain& chain) const {
  for (const Table& table : tables_)
    if (table.family == chain.family && table.name == chain.table) return &table;
  return nullptr;
}

std::optional<std::uint32_t> Firewall::key_bytes(const Chain& chain, const std::string& set) const {
  const auto found = key_bytes_.find(set_key(chain.family, chain.table, set));
  if (found == key_bytes_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::vector<Element>> Firewall::look_up(const Chain& chain, const std::string& set,
                                                      std::string_view key) const {
  // What no other element fits is the catch-all's, which the kernel gives only when asked for it.
  for (const bool is_catch_all : {false, true}) {
    const ParsedSet question(nftnl_set_alloc());
    nftnl_set_elem* element = nftnl_set_elem_alloc();
    if (question == nullptr || element == nullptr) throw std::bad_alloc();
    nftnl_set_set_str(question.get(), NFTNL_SET_TABLE, chain.table.c_str());
    nftnl_set_set_str(question.get(), NFTNL_SET_NAME, set.c_str());
    if (is_catch_all) {
      nftnl_set_elem_set_u32(element, NFTNL_SET_ELEM_FLAGS, NFT_SET_ELEM_CATCHALL);
    } else {
      nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key.data(), static_cast<std::uint32_t>(key.size()));
    }
    nftnl_set_elem_add(question.get(), element);
    const auto found = kernel_->elements(question.get(), chain.family, 0);
    if (found) return *found;
    if (found.error().sys_errno != ENOENT) return std::nullopt;
  }
  return std::vector<Element>();
}

std::optional<std::vector<Element>> Firewall::elements(const Chain& chain, const std::string& set) const {
  const ParsedSet question(nftnl_set_alloc());
  if (question == nullptr) throw std::bad_alloc();
  nftnl_set_set_str(question.get(), NFTNL_SET_TABLE, chain.table.c_str());
  nftnl_set_set_str(question.get(), NFTNL_SET_NAME, set.c_str());
  const auto all = kernel_->elements(question.get(), chain.family, NLM_F_DUMP);
  if (!all) return std::nullopt;
  return *all;
}

}  // namespace certlatch
