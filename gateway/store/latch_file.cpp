#include "store/latch_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/random.hpp"

namespace canary::store {
namespace {

using namespace latch_format;

// A file that cannot be made, or is damaged again and again, is not made anew more often.
constexpr auto pause_after_repair = std::chrono::seconds(1);
constexpr auto pause_after_failure = std::chrono::seconds(10);

Instance draw_instance() {
  Instance instance;
  for (std::size_t half = 0; half < 2; ++half) {
    const std::uint64_t drawn = base::random_seed();
    std::memcpy(instance.data() + half * sizeof drawn, &drawn, sizeof drawn);
  }
  return instance;
}

bool write_at(int fd, std::size_t offset, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::pwrite(fd, bytes, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes += written;
    offset += static_cast<std::size_t>(written);
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

/// Up to `most` bytes from the beginning; short where the file ends or cannot be read.
std::string read_up_to(int fd, std::size_t most) {
  std::string bytes(most, '\0');
  std::size_t got = 0;
  while (got < most) {
    const ssize_t n = ::pread(fd, bytes.data() + got, most - got, static_cast<off_t>(got));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  bytes.resize(got);
  return bytes;
}

}  // namespace

struct LatchFile::Impl {
  explicit Impl(std::filesystem::path given) : path(std::move(given)), image(file_bytes, '\0') {
    clear();
  }

  struct Known {
    std::uint32_t index;
    LatchSlot slot;
  };

  std::filesystem::path path;
  Descriptor fd;
  std::string image;  // the file, as it must be
  std::map<std::string, Known, std::less<>> known;
  std::vector<bool> taken = std::vector<bool>(LatchFile::slot_count);
  std::array<LatchNote, note_count> notes;
  std::uint64_t next_note = 1;
  Instance instance{}, former{};
  bool created = false, has_instance = false, foreign = false;
  bool lost = false;       // found by this start
  bool unsettled = false;  // found by this start or an earlier one, and not dealt with yet
  std::string damage, kept_aside, fault;
  base::MonoTime not_before{};

  void clear();
  void take_over(const Decoded& decoded);
  void put(std::size_t offset, const char* bytes, std::size_t size);
  void store(std::uint32_t index, std::string_view name, const LatchSlot& slot);
  void use(const Instance& chosen);
  void lose(const char* what);
  base::Result<void> make(bool keep_old, bool sync);
  base::Result<void> write_new(const std::filesystem::path& temporary, Descriptor& made, bool sync);
  std::string difference();
  void read_present();
};

/// A file without an entry. Its instance stays.
void LatchFile::Impl::clear() {
  known.clear();
  taken.assign(LatchFile::slot_count, false);
  notes = {};
  std::fill(image.begin(), image.end(), '\0');
  const Slot free = encode_slot({}, {});
  for (std::uint32_t i = 0; i < LatchFile::slot_count; ++i)
    std::memcpy(image.data() + (i + 1) * slot_bytes, free.data(), slot_bytes);
  use(instance);
}

void LatchFile::Impl::use(const Instance& chosen) {
  instance = chosen;
  const Slot header = encode_header(instance, former, unsettled);
  put(0, header.data(), header.size());
}

void LatchFile::Impl::lose(const char* what) {
  lost = unsettled = true;
  damage = what;
}

/// Changes memory, and the file where there is one.
void LatchFile::Impl::put(std::size_t offset, const char* bytes, std::size_t size) {
  std::memcpy(image.data() + offset, bytes, size);
  if (fd.get() < 0) return;
  if (!write_at(fd.get(), offset, bytes, size)) fault = file_error("write", path, errno).message();
}

void LatchFile::Impl::store(std::uint32_t index, std::string_view name, const LatchSlot& slot) {
  const Slot bytes = encode_slot(name, slot);
  put((index + 1) * slot_bytes, bytes.data(), bytes.size());
}

void LatchFile::Impl::take_over(const Decoded& decoded) {
  for (const auto& entry : decoded.entries) {
    // The same name twice is damage too: the later one counts for nothing.
    if (taken[entry.index] || !known.emplace(entry.name, Known{entry.index, entry.slot}).second)
      continue;
    taken[entry.index] = true;
    store(entry.index, entry.name, entry.slot);
  }
  for (const LatchNote& note : decoded.notes) {
    const std::size_t place = note.order % note_count;
    if (notes[place].order > note.order) continue;
    notes[place] = note;
    const Note bytes = encode_note(note);
    put(notes_begin + place * note_bytes, bytes.data(), bytes.size());
    next_note = std::max(next_note, note.order + 1);
  }
}

base::Result<void> LatchFile::Impl::write_new(const std::filesystem::path& temporary,
                                              Descriptor& made, bool sync) {
  ::unlink(temporary.c_str());
  made = Descriptor(::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (made.get() < 0) return file_error("create", temporary, errno);
  if (const int error = ::posix_fallocate(made.get(), 0, file_bytes); error != 0)
    return file_error("make room for", path, error);
  if (!write_at(made.get(), 0, image.data(), image.size()))
    return file_error("write", temporary, errno);
  if (sync && ::fsync(made.get()) != 0) return file_error("sync", temporary, errno);
  return {};
}

/// Puts memory into a new file, which takes the path's place as a whole; `keep_old`: what is there
/// now is moved aside first.
base::Result<void> LatchFile::Impl::make(bool keep_old, bool sync) {
  const std::filesystem::path temporary = path.string() + ".new";
  Descriptor made;
  auto written = write_new(temporary, made, sync);
  struct stat present {};
  if (written && keep_old && ::lstat(path.c_str(), &present) == 0) {
    const auto aside = corrupt_name(path);
    if (::rename(path.c_str(), aside.c_str()) != 0)
      written = file_error("move aside", path, errno);
    else
      kept_aside = aside.string();
  }
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0)
    written = file_error("replace", path, errno);
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  fd = std::move(made);
  fault.clear();
  return sync ? sync_directory(path.parent_path()) : base::Result<void>();
}

/// Reads what is at the path, whatever that is.
void LatchFile::Impl::read_present() {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 && errno == ENOENT) {
    created = true;
    return;
  }
  Descriptor present(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  const bool writable = present.get() >= 0;
  if (!writable) present = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (present.get() < 0 || ::fstat(present.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return lose("it is no file that can be read");
  std::string bytes = read_up_to(present.get(), file_bytes + 1);
  const Decoded decoded = decode_file(bytes);
  damage = decoded.damage;
  lost = decoded.lost;
  unsettled = lost || decoded.unsettled;
  if (decoded.instance) {
    has_instance = true;
    former = decoded.former;
    use(*decoded.instance);
  }
  take_over(decoded);
  if (!damage.empty() || decoded.old_version || !writable) return;
  image = std::move(bytes);
  fd = std::move(present);
  // A copy from a backup may have holes, and a store into a hole needs room. Without it, the store
  // says so.
  (void)::posix_fallocate(fd.get(), 0, file_bytes);
}

LatchFile::LatchFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LatchFile::LatchFile(LatchFile&&) noexcept = default;
LatchFile& LatchFile::operator=(LatchFile&&) noexcept = default;
LatchFile::~LatchFile() = default;

base::Result<LatchFile> LatchFile::open(const std::filesystem::path& state_dir) {
  auto impl = std::make_unique<Impl>(state_dir / "latch");
  impl->read_present();
  if (!impl->has_instance) impl->use(draw_instance());
  if (impl->fd.get() < 0) {
    auto made = impl->make(!impl->damage.empty(), true);
    std::error_code ignored;
    if (!made && !std::filesystem::exists(state_dir / "state.db", ignored)) return made.error();
    if (!made) impl->fault = made.error().message();
  }
  return LatchFile(std::move(impl));
}

void LatchFile::settle(bool existed, const std::string& instance) {
  Impl& impl = *impl_;
  if (impl.created && existed) {
    impl.lose("it was removed");
    impl.use(impl.instance);
  }
  const auto expected = instance_from(instance);
  if (!expected || *expected == impl.instance) return;
  if (impl.has_instance && *expected == impl.former) return;
  if (!impl.has_instance) return impl.use(*expected);
  impl.lose("it belongs to another gateway, or to another copy of the database");
  impl.foreign = true;
  impl.fd.reset();
  impl.instance = *expected;
  impl.clear();
  if (auto made = impl.make(true, true); !made) impl.fault = made.error().message();
}

void LatchFile::renew_instance(const std::string& known) {
  impl_->former = instance_from(known).value_or(impl_->instance);
  impl_->use(draw_instance());
}

std::optional<LatchSlot> LatchFile::read(const std::string& model,
                                         const std::string& canary) const {
  const auto found = impl_->known.find(slot_name(model, canary));
  if (found == impl_->known.end()) return std::nullopt;
  return found->second.slot;
}

base::Result<void> LatchFile::write(const std::string& model, const std::string& canary,
                                    const LatchSlot& given) {
  const std::string name = slot_name(model, canary);
  LatchSlot slot = given;  // as it reads back
  for (base::BasisPoints* term : {&slot.cap, &slot.file})
    *term = std::min(*term, base::full_weight);
  if (slot.flag) slot.flag = std::min(*slot.flag, base::full_weight);
  if (slot.phase) slot.phase = std::min(*slot.phase, base::full_weight);
  if (const auto found = impl_->known.find(name); found != impl_->known.end()) {
    if (found->second.slot == slot) return {};
    found->second.slot = slot;
    impl_->store(found->second.index, name, slot);
    return {};
  }
  if (name.size() > name_capacity)
    return base::Error("the names " + model + " and " + canary + " are too long to be latched: " +
                       std::to_string(name_capacity - 1) + " bytes together at most");
  const auto place = std::find(impl_->taken.begin(), impl_->taken.end(), false);
  if (place == impl_->taken.end())
    return base::Error("all " + std::to_string(slot_count) +
                       " slots of the latch file are taken by versions that the file names or that "
                       "are latched: forget one that you will not use again with `canary-gateway "
                       "forget VERSION --reason ...` (list: `canary-gateway latches`)");
  const auto index = static_cast<std::uint32_t>(place - impl_->taken.begin());
  *place = true;
  impl_->known.emplace(name, Impl::Known{index, slot});
  impl_->store(index, name, slot);
  return {};
}

void LatchFile::free(const std::string& model, const std::string& canary) {
  const auto found = impl_->known.find(slot_name(model, canary));
  if (found == impl_->known.end()) return;
  const std::uint32_t index = found->second.index;
  impl_->known.erase(found);
  impl_->taken[index] = false;
  impl_->store(index, {}, {});
}

std::vector<std::pair<std::string, std::string>> LatchFile::names() const {
  std::vector<std::pair<std::string, std::string>> names;
  for (const auto& [name, known] : impl_->known) {
    const auto middle = name.find('\0');
    if (middle == std::string::npos) continue;
    names.emplace_back(name.substr(0, middle), name.substr(middle + 1));
  }
  return names;
}

void LatchFile::keep_note(const std::string& model, const std::string& canary,
                          std::uint32_t rollback, const std::string& text) {
  const std::string name = slot_name(model, canary);
  if (name.size() > name_capacity) return;
  const std::uint64_t order = impl_->next_note++;
  LatchNote& note = impl_->notes[order % note_count];
  note = {name, rollback, order, text};
  const Note bytes = encode_note(note);
  impl_->put(notes_begin + (order % note_count) * note_bytes, bytes.data(), bytes.size());
}

std::optional<std::string> LatchFile::note(const std::string& canary,
                                           std::uint32_t rollback) const {
  const std::string ending = slot_name({}, canary);
  const LatchNote* newest = nullptr;
  for (const LatchNote& note : impl_->notes)
    if (note.name.ends_with(ending) && note.rollback == rollback)
      if (newest == nullptr || note.order > newest->order) newest = &note;
  return newest ? std::optional(newest->text) : std::nullopt;
}

/// How the path's file differs from memory; empty: not at all.
std::string LatchFile::Impl::difference() {
  if (fd.get() < 0) return fault;
  struct stat mine {
  }, present{};
  if (::fstat(fd.get(), &mine) != 0) return "it cannot be read";
  if (::stat(path.c_str(), &present) != 0) return "it was removed";
  if (mine.st_ino != present.st_ino || mine.st_dev != present.st_dev) return "it was replaced";
  if (static_cast<std::size_t>(mine.st_size) != image.size())
    return "it has " + std::to_string(mine.st_size) + " bytes instead of " +
           std::to_string(image.size());
  std::array<char, 65536> bytes;
  for (std::size_t offset = 0; offset < image.size(); offset += bytes.size()) {
    const std::size_t size = std::min(bytes.size(), image.size() - offset);
    const ssize_t got = ::pread(fd.get(), bytes.data(), size, static_cast<off_t>(offset));
    if (got != static_cast<ssize_t>(size) ||
        std::memcmp(bytes.data(), image.data() + offset, size) != 0)
      return "its content was changed";
  }
  fault.clear();  // a store that the disk refused is there now
  return {};
}

std::optional<LatchFile::Found> LatchFile::check(base::MonoTime now) {
  Impl& impl = *impl_;
  if (now < impl.not_before) return std::nullopt;
  const std::string damage = impl.difference();
  if (damage.empty()) return std::nullopt;
  impl.kept_aside.clear();
  // Where no new file can be made, the old one may still take its content back.
  auto made = impl.make(true, false);
  if (!made && impl.fd.get() >= 0 &&
      write_at(impl.fd.get(), 0, impl.image.data(), impl.image.size()) && impl.difference().empty())
    made = base::Result<void>();
  impl.fault = made ? std::string() : made.error().message();
  impl.not_before = now + (made ? pause_after_repair : pause_after_failure);
  return Found{damage, impl.kept_aside, impl.fault};
}

void LatchFile::loss_settled() {
  if (std::exchange(impl_->unsettled, false)) impl_->use(impl_->instance);
}

bool LatchFile::lost() const { return impl_->lost || impl_->unsettled; }
bool LatchFile::lost_just_now() const { return impl_->lost; }
bool LatchFile::foreign() const { return impl_->foreign; }
const std::string& LatchFile::damage() const { return impl_->damage; }
const std::string& LatchFile::kept_aside() const { return impl_->kept_aside; }
const std::string& LatchFile::fault() const { return impl_->fault; }
std::string LatchFile::instance() const { return hex_of(impl_->instance); }
std::size_t LatchFile::size() const { return impl_->known.size(); }

}  // namespace canary::store
