// The way back to the control thread, for what other threads answer and for what comes later.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <tuple>
#include <utility>

namespace canary::control {

class ControlThread {
 public:
  explicit ControlThread(boost::asio::io_context& io) : io_(io) {}

  /// A callback that any thread may run: `f` then runs on the control thread, unless the controller
  /// is gone by then.
  template <class F>
  auto callback(F f) const {
    return [&io = io_, alive = alive(), f = std::move(f)](auto... arguments) {
      boost::asio::post(io, [alive, f, arguments = std::make_tuple(std::move(arguments)...)] {
        if (alive.lock()) std::apply(f, arguments);
      });
    };
  }
  /// Expired as soon as the controller has stopped.
  std::weak_ptr<const bool> alive() const { return alive_; }
  void stop() { alive_.reset(); }

 private:
  boost::asio::io_context& io_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace canary::control
