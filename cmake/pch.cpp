// Exists to own the precompiled header that the rooms reuse (cmake/rooms.cmake).
