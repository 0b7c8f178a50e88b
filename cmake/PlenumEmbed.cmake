# SPDX-License-Identifier: Apache-2.0
#
# The pages in web/ travel inside the binary: tools/embed.c writes them into one C file of constant arrays, so a
# release is a single file and the server never opens a path that a peer named.

# plenum_embed(<library> <folder>)
function(plenum_embed library folder)
  get_target_property(type ${library} TYPE)
  if(type STREQUAL "INTERFACE_LIBRARY")
    return()
  endif()

  # A host tool: it runs during the build, so it gets no sanitizer and no cross flags.
  add_executable(plenum-embed "${CMAKE_SOURCE_DIR}/tools/embed.c")
  target_compile_definitions(plenum-embed PRIVATE _GNU_SOURCE)
  target_link_libraries(plenum-embed PRIVATE plenum_warnings PkgConfig::CRYPTO)
  set_target_properties(plenum-embed PROPERTIES
    INTERPROCEDURAL_OPTIMIZATION OFF
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tools")

  set(root "${CMAKE_SOURCE_DIR}/${folder}")
  file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE "${root}" "${root}/*")
  list(FILTER files EXCLUDE REGEX "(^|/)\\.|\\.md$")
  list(SORT files)
  list(TRANSFORM files PREPEND "${root}/" OUTPUT_VARIABLE paths)

  set(generated "${CMAKE_BINARY_DIR}/generated/assets.c")
  file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/generated")
  add_custom_command(
    OUTPUT "${generated}"
    COMMAND plenum-embed "${generated}" "${root}" ${files}
    DEPENDS ${paths}
    COMMENT "Embedding ${folder}/"
    VERBATIM)
  target_sources(${library} PRIVATE "${generated}")
endfunction()
