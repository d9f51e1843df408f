#include "store/latch_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <map>

#include "base/random.hpp"
#include "store/crc32.hpp"
#include "store/files.hpp"

namespace canary::store {
namespace {

constexpr std::size_t slot_bytes = 256;
constexpr std::size_t name_capacity = 222;
constexpr char magic[] = "CNRYLAT1";
constexpr std::uint64_t flag_absent = 16383;

struct Header {
  char magic[8];
  std::uint32_t slot_count;
  std::uint32_t slot_size;
  unsigned char instance[16];
  char zeros[slot_bytes - 32];
};
struct Slot {
  std::uint16_t name_length;
  char name[name_capacity];
  std::uint32_t name_crc;
  std::uint32_t padding;
  std::uint64_t counts;
  std::uint64_t word;
  std::uint64_t phase_word;
};
static_assert(sizeof(Header) == slot_bytes && sizeof(Slot) == slot_bytes);
static_assert(offsetof(Slot, counts) % 8 == 0 && offsetof(Slot, word) % 8 == 0);
static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free);
constexpr std::size_t file_size = sizeof(Header) + LatchFile::slot_count * sizeof(Slot);

std::uint64_t check_of(std::uint64_t low48) {
  const std::uint32_t crc = crc32(&low48, 6);
  return (crc ^ (crc >> 16)) & 0xFFFF;
}

std::uint64_t encode(const LatchSlot& slot) {
  const auto bounded = [](base::BasisPoints value) -> std::uint64_t {
    return std::min(value, base::full_weight);
  };
  std::uint64_t word = slot.flag ? bounded(*slot.flag) : flag_absent;
  word |= bounded(slot.cap) << 14;
  word |= bounded(slot.file) << 28;
  word |= std::uint64_t{slot.latched} << 42;
  word |= std::uint64_t{1} << 43;
  return word | check_of(word) << 48;
}

LatchSlot decode(std::uint64_t word, std::uint64_t counts) {
  LatchSlot slot;
  slot.attempt = static_cast<std::uint32_t>(counts);
  slot.rollbacks = static_cast<std::uint32_t>(counts >> 32);
  const std::uint64_t low = word & 0xFFFF'FFFF'FFFF;
  const auto flag = low & 0x3FFF, cap = (low >> 14) & 0x3FFF, file = (low >> 28) & 0x3FFF;
  const bool sound = (word >> 48) == check_of(low) && ((low >> 43) & 1) != 0 &&
                     (flag <= base::full_weight || flag == flag_absent) &&
                     cap <= base::full_weight && file <= base::full_weight;
  if (!sound) {
    slot.flag = slot.cap = slot.file = 0;
    slot.latched = true;
    return slot;
  }
  if (flag != flag_absent) slot.flag = static_cast<base::BasisPoints>(flag);
  slot.cap = static_cast<base::BasisPoints>(cap);
  slot.file = static_cast<base::BasisPoints>(file);
  slot.latched = ((low >> 42) & 1) != 0;
  return slot;
}

std::uint64_t encode_phase(const LatchSlot& slot) {
  if (!slot.phase) return 0;
  const std::uint64_t low = std::min(*slot.phase, base::full_weight) | std::uint64_t{1} << 43;
  return low | check_of(low) << 48;
}

/// What no check vouches for allows nothing.
std::optional<base::BasisPoints> decode_phase(std::uint64_t word) {
  if (word == 0) return std::nullopt;
  const std::uint64_t low = word & 0xFFFF'FFFF'FFFF, phase = low & 0x3FFF;
  const bool sound = (word >> 48) == check_of(low) && phase <= base::full_weight;
  return sound ? static_cast<base::BasisPoints>(phase) : base::BasisPoints{0};
}

void store_words(Slot& slot, const LatchSlot& value) {
  const auto word = [&] {
    std::atomic_ref(slot.word).store(encode(value), std::memory_order_release);
  };
  const auto phase = [&] {
    std::atomic_ref(slot.phase_word).store(encode_phase(value), std::memory_order_release);
  };
  const auto before = decode_phase(std::atomic_ref(slot.phase_word).load());
  const bool lower = value.phase.value_or(base::full_weight) <= before.value_or(base::full_weight);
  const std::uint64_t counts = value.attempt | std::uint64_t{value.rollbacks} << 32;
  std::atomic_ref(slot.counts).store(counts, std::memory_order_relaxed);
  if (lower) phase();
  word();
  if (!lower) phase();
}

std::string slot_name(const std::string& model, const std::string& canary) {
  return model + '\0' + canary;
}

void draw_instance(Header& header) {
  for (std::size_t half = 0; half < 2; ++half) {
    const std::uint64_t drawn = base::random_seed();
    std::memcpy(header.instance + half * sizeof drawn, &drawn, sizeof drawn);
  }
}

bool has_instance(const Header& header) {
  return std::any_of(std::begin(header.instance), std::end(header.instance),
                     [](unsigned char byte) { return byte != 0; });
}

/// Writes a new file's header durably; the slots are zeros, which means free.
base::Result<void> write_header(int fd, const std::filesystem::path& path) {
  Header header{};
  std::memcpy(header.magic, magic, sizeof header.magic);
  header.slot_count = LatchFile::slot_count;
  header.slot_size = slot_bytes;
  draw_instance(header);
  if (::pwrite(fd, &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header))
    return file_error("write", path, errno);
  if (::fsync(fd) != 0) return file_error("sync", path, errno);
  return sync_directory(path.parent_path());
}

}  // namespace

struct LatchFile::Mapping {
  void* memory = MAP_FAILED;
  std::map<std::string, std::uint32_t, std::less<>> index;
  std::uint32_t used = 0;

  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (memory != MAP_FAILED) ::munmap(memory, file_size);
  }
  Header& header() const { return *static_cast<Header*>(memory); }
  Slot& slot(std::uint32_t i) const { return reinterpret_cast<Slot*>(memory)[i + 1]; }

  /// Reads the names; false when the file is not a latch file of this shape.
  bool load() {
    if (std::memcmp(header().magic, magic, sizeof header().magic) != 0) return false;
    if (header().slot_count != slot_count || header().slot_size != slot_bytes) return false;
    for (used = 0; used < slot_count; ++used) {
      const Slot& present = slot(used);
      if (present.name_length == 0) break;
      if (present.name_length > name_capacity) return false;
      if (crc32(present.name, present.name_length) != present.name_crc) return false;
      index.emplace(std::string(present.name, present.name_length), used);
    }
    // Slots are taken in order: a name after a free slot means that one was damaged.
    for (std::uint32_t i = used; i < slot_count; ++i)
      if (slot(i).name_length != 0) return false;
    return true;
  }
};

LatchFile::LatchFile(LatchFile&&) noexcept = default;
LatchFile& LatchFile::operator=(LatchFile&&) noexcept = default;
LatchFile::~LatchFile() = default;

base::Result<LatchFile> LatchFile::open(const std::filesystem::path& state_dir) {
  const auto path = state_dir / "latch";
  LatchFile file;
  // The second round is for the new file, after a corrupt one was moved aside.
  for (int round = 0; round < 2; ++round) {
    const Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (fd.get() < 0) return file_error("open", path, errno);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return file_error("read", path, errno);
    const auto present_size = static_cast<std::size_t>(status.st_size);
    // Also for an old file: a copy restored from a backup may be sparse, and a store into a hole on
    // a full disk would be a SIGBUS.
    if (present_size == 0 || present_size == file_size)
      if (const int error = ::posix_fallocate(fd.get(), 0, file_size); error != 0)
        return file_error("make room for", path, error);
    if (present_size == 0)
      if (auto written = write_header(fd.get(), path); !written) return written.error();
    if (present_size == 0 || present_size == file_size) {
      file.mapping_ = std::make_unique<Mapping>();
      file.mapping_->memory =
          ::mmap(nullptr, file_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
      if (file.mapping_->memory == MAP_FAILED) return file_error("map", path, errno);
      if (file.mapping_->load()) {
        // An earlier release's file has none.
        if (!has_instance(file.mapping_->header())) draw_instance(file.mapping_->header());
        return file;
      }
    }
    if (round == 0 && ::rename(path.c_str(), corrupt_name(path).c_str()) != 0)
      return file_error("move aside", path, errno);
    file.lost_ = true;
  }
  return base::Error("the new latch file " + path.string() + " cannot be read back");
}

std::optional<LatchSlot> LatchFile::read(const std::string& model,
                                         const std::string& canary) const {
  const auto found = mapping_->index.find(slot_name(model, canary));
  if (found == mapping_->index.end()) return std::nullopt;
  Slot& slot = mapping_->slot(found->second);
  const auto word = std::atomic_ref(slot.word).load(std::memory_order_acquire);
  auto value = decode(word, std::atomic_ref(slot.counts).load(std::memory_order_relaxed));
  value.phase = decode_phase(std::atomic_ref(slot.phase_word).load(std::memory_order_acquire));
  return value;
}

base::Result<void> LatchFile::write(const std::string& model, const std::string& canary,
                                    const LatchSlot& value) {
  const std::string name = slot_name(model, canary);
  const auto found = mapping_->index.find(name);
  if (found != mapping_->index.end()) {
    Slot& slot = mapping_->slot(found->second);
    store_words(slot, value);
    return {};
  }
  if (name.size() > name_capacity)
    return base::Error("the names " + model + " and " + canary + " are too long to be latched: " +
                       std::to_string(name_capacity - 1) + " bytes together at most");
  if (mapping_->used == slot_count)
    return base::Error("the latch file is full: " + std::to_string(slot_count) +
                       " canary versions are remembered");
  Slot& slot = mapping_->slot(mapping_->used);
  std::memcpy(slot.name, name.data(), name.size());
  slot.name_crc = crc32(name.data(), name.size());
  store_words(slot, value);
  std::atomic_ref(slot.name_length)
      .store(static_cast<std::uint16_t>(name.size()), std::memory_order_release);
  mapping_->index.emplace(name, mapping_->used++);
  return {};
}

std::string LatchFile::instance() const {
  constexpr char hex[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : mapping_->header().instance) {
    text += hex[byte >> 4];
    text += hex[byte & 15];
  }
  return text;
}

std::size_t LatchFile::size() const { return mapping_->used; }

}  // namespace canary::store
