// One line on stderr when the process dies of its own fault, before the default action writes a
// core: whoever finds it dead reads why. Nothing is done in a sanitizer's build, which has its own.
#pragma once

namespace canary::run {

/// For SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS and SIGTRAP, unless somebody handles them:
/// `{"time":"...","level":"error","event":"crashed","signal":"SIGBUS","address":"0x...",...}`.
void say_crashes();

}  // namespace canary::run
