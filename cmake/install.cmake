# `cmake --install build/release [--prefix /usr]`, for packagers: the program, its systemd unit, the
# schema of its configuration, the pages and the examples. DESTDIR is honoured.
include(GNUInstallDirs)

install(TARGETS canary-gateway)
install(FILES config/schema.json DESTINATION ${CMAKE_INSTALL_DATADIR}/canary-gateway)
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY config/ deploy/prometheus DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

# The unit names the program where this installation has it; the prefix is known only now.
install(CODE "
  cmake_path(SET directory \"\${CMAKE_INSTALL_PREFIX}\")
  cmake_path(APPEND directory \"${CMAKE_INSTALL_BINDIR}\")
  file(READ ${CMAKE_SOURCE_DIR}/deploy/canary-gateway.service unit)
  string(REPLACE /usr/local/bin \"\${directory}\" unit \"\${unit}\")
  file(WRITE ${CMAKE_BINARY_DIR}/canary-gateway.service \"\${unit}\")")
install(FILES ${CMAKE_BINARY_DIR}/canary-gateway.service DESTINATION lib/systemd/system)
