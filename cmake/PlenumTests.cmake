# SPDX-License-Identifier: Apache-2.0
#
# Test programs. tools/run-tests.mjs finds them by folder and name in the build tree; add_test() is there for those
# who like ctest.

# A test that forks thousands of times gets no sanitizer, as their shadow memory is most of what a fork has to copy, and
# so none of our libraries: just what it names of src/. It shows how others' code ends, which sanitizers do not see into.
set(PLENUM_PLAIN_test_wire_crypto_setup src/wire/digest.c)

function(plenum_plain_test name source)
  list(TRANSFORM PLENUM_PLAIN_${name} PREPEND "${CMAKE_SOURCE_DIR}/" OUTPUT_VARIABLE tested)
  add_executable(${name} "${source}" ${tested})
  target_link_libraries(${name} PRIVATE plenum_warnings PkgConfig::CRYPTO PkgConfig::CMOCKA)
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/tests")
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests/unit")
  add_test(NAME ${name} COMMAND ${name})
endfunction()

# What tests/unit/*.c beside the tests themselves have for them: an archive, so that a test takes along only what it calls.
function(plenum_test_support)
  if(TARGET plenum_test_support)
    return()
  endif()
  pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
  file(GLOB tests CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/unit/test_*.c")
  file(GLOB helpers CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/unit/*.c")
  list(REMOVE_ITEM helpers ${tests})
  add_library(plenum_test_support STATIC ${helpers})
  target_link_libraries(plenum_test_support PUBLIC plenum_flags PkgConfig::CMOCKA)
  target_include_directories(plenum_test_support PRIVATE "${CMAKE_SOURCE_DIR}/tests")
  target_compile_definitions(plenum_test_support PRIVATE _GNU_SOURCE)
endfunction()

# plenum.proto as protobuf-c understands it, for the test that holds ours to it (test_dialect_protobuf_oracle.c). Code that
# others' compiler makes gets none of our warnings.
function(plenum_protobuf_oracle)
  if(TARGET plenum_protobuf_oracle)
    return()
  endif()
  pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
  find_program(PROTOC_C protoc-c REQUIRED)
  set(proto "${CMAKE_SOURCE_DIR}/docs/protocol")
  set(made "${CMAKE_BINARY_DIR}/protobuf")
  file(MAKE_DIRECTORY "${made}")
  add_custom_command(
    OUTPUT "${made}/plenum.pb-c.c" "${made}/plenum.pb-c.h"
    COMMAND "${PROTOC_C}" "--c_out=${made}" "-I${proto}" "${proto}/plenum.proto"
    DEPENDS "${proto}/plenum.proto"
    VERBATIM)
  add_library(plenum_protobuf_oracle STATIC "${made}/plenum.pb-c.c")
  target_link_libraries(plenum_protobuf_oracle PUBLIC PkgConfig::PROTOBUF_C)
  target_include_directories(plenum_protobuf_oracle SYSTEM PUBLIC "${made}")
endfunction()

# tests/unit/test_<layer>_<module>.c is linked with its layer and those left of it, so a test of base builds and runs
# while io is broken. Any other name gets all of the real world; only test_sim_* gets the simulated one, as the two
# are alternatives for each other.
function(plenum_unit_tests)
  plenum_test_support()
  file(GLOB tests CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/unit/test_*.c")

  foreach(source IN LISTS tests)
    get_filename_component(name "${source}" NAME_WE)
    if(DEFINED PLENUM_PLAIN_${name})
      plenum_plain_test(${name} "${source}")
      continue()
    endif()
    add_executable(${name} "${source}")
    target_link_libraries(${name} PRIVATE plenum_test_support)
    set(layer app)
    if(name MATCHES "^test_(base|wire|dialect|core|io|sim|app)_")
      set(layer ${CMAKE_MATCH_1})
    endif()
    if(name MATCHES "_language$") # a language and a route that are the simulator's (sim/parcel.h, sim/desk.h)
      target_link_libraries(${name} PRIVATE plenum_sim)
    endif()
    if(name MATCHES "_protobuf_oracle$")
      plenum_protobuf_oracle()
      target_link_libraries(${name} PRIVATE plenum_protobuf_oracle)
    endif()
    target_link_libraries(${name} PRIVATE plenum_${layer})
    target_link_libraries(${name} PRIVATE PkgConfig::CMOCKA)
    target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}/tests")
    target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests/unit")
    add_test(NAME ${name} COMMAND ${name})
  endforeach()
endfunction()

function(plenum_simulator)
  plenum_program(plenum-sim GLOB tests/sim/*.c LINK plenum_sim DIRECTORY tests/sim)
  if(TARGET plenum-sim)
    target_include_directories(plenum-sim PRIVATE "${CMAKE_SOURCE_DIR}/tests")
    if(PLENUM_TESTS)
      add_test(NAME sim COMMAND plenum-sim --from 1 --count 50)
    endif()
  endif()
endfunction()

# Shared by both kinds of fuzz programs: the source of a target, and the helpers beside it.
macro(plenum_fuzz_sources)
  file(GLOB targets CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_*.c")
  file(GLOB helpers CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/fuzz/*.c")
  if(targets)
    list(REMOVE_ITEM helpers ${targets})
  endif()
endmacro()

function(plenum_fuzz_program name source dir)
  add_executable(${name} "${source}" ${ARGN})
  if(name MATCHES "_(rights|tls|ws_message)$") # drive shards and channels as unit tests do (unit/core_support.h, unit/tls_support.h)
    plenum_test_support()
    target_link_libraries(${name} PRIVATE plenum_test_support)
  endif()
  if(name MATCHES "_config$")
    target_link_libraries(${name} PRIVATE plenum_app)
  elseif(name MATCHES "^[a-z]+_(deflate|forwarded|http|http_body|http_cache|json|json_merge|jwks|line|proxy_header|utf8|ws_deflate|ws_frame)$")
    target_link_libraries(${name} PRIVATE plenum_wire) # built in a minute, and while core is broken
  elseif(name MATCHES "_tls$")
    target_link_libraries(${name} PRIVATE plenum_io)
  else()
    target_link_libraries(${name} PRIVATE plenum_sim)
  endif()
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}/tests")
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/${dir}")
endfunction()

# What tests/abuse preload into the server, whichever build that is: no sanitizer.
function(plenum_abuse_tools)
  file(GLOB tools CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/abuse/*.c")
  foreach(source IN LISTS tools)
    get_filename_component(name "${source}" NAME_WE)
    add_library(plenum-${name} MODULE "${source}")
    target_link_libraries(plenum-${name} PRIVATE plenum_warnings ${CMAKE_DL_LIBS})
    target_compile_definitions(plenum-${name} PRIVATE _GNU_SOURCE)
    set_target_properties(plenum-${name} PROPERTIES
      PREFIX "" OUTPUT_NAME ${name} INTERPROCEDURAL_OPTIMIZATION OFF
      LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests/abuse")
  endforeach()
endfunction()

# What `make faults` preloads: one library of several files (tests/faults/faults.c).
function(plenum_faults)
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/faults/*.c")
  add_library(plenum-faults MODULE ${sources})
  target_link_libraries(plenum-faults PRIVATE plenum_warnings ${CMAKE_DL_LIBS})
  target_compile_definitions(plenum-faults PRIVATE _GNU_SOURCE)
  set_target_properties(plenum-faults PROPERTIES
    PREFIX "" OUTPUT_NAME faults INTERPROCEDURAL_OPTIMIZATION OFF
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests/faults")
endfunction()

# fuzz/<target>.dict: the words of a language, from the rows of its commands (tools/dictionary.c). tools/fuzz finds them by
# name. A host tool: no sanitizer.
function(plenum_dictionary language)
  if(NOT TARGET plenum-dictionary)
    add_executable(plenum-dictionary "${CMAKE_SOURCE_DIR}/tools/dictionary.c")
    target_include_directories(plenum-dictionary PRIVATE "${CMAKE_SOURCE_DIR}/src")
    target_link_libraries(plenum-dictionary PRIVATE plenum_warnings)
    set_target_properties(plenum-dictionary PROPERTIES
      INTERPROCEDURAL_OPTIMIZATION OFF
      RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tools")
  endif()
  foreach(target IN LISTS ARGN)
    if(TARGET dictionary_${target})
      continue()
    endif()
    file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/fuzz")
    set(made "${CMAKE_BINARY_DIR}/fuzz/${target}.dict")
    add_custom_command(
      OUTPUT "${made}"
      COMMAND plenum-dictionary ${language} > "${made}"
      DEPENDS plenum-dictionary
      VERBATIM)
    add_custom_target(dictionary_${target} ALL DEPENDS "${made}")
  endforeach()
endfunction()

# replay_<x>: a fuzz target with an ordinary main(), for any compiler. It runs the corpus in the tree, so every
# input that ever broke something is a regression test.
function(plenum_replayers)
  plenum_fuzz_sources()
  foreach(source IN LISTS targets)
    get_filename_component(target "${source}" NAME_WE)
    string(REGEX REPLACE "^fuzz_" "replay_" name "${target}")
    plenum_fuzz_program(${name} "${source}" tests/fuzz ${helpers} "${CMAKE_SOURCE_DIR}/tools/replay.c")
    string(REGEX REPLACE "^fuzz_" "" corpus "${target}")
    add_test(NAME ${name} COMMAND ${name} "${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${corpus}")
  endforeach()
  plenum_dictionary(api api)
  plenum_dictionary(json native_json rights shard) # so that it is seen to be made where nobody fuzzes
  plenum_dictionary(text text)
endfunction()

# fuzz_<x>: the same with libFuzzer's main().
function(plenum_fuzzers)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "PLENUM_FUZZ needs clang (libFuzzer); use `cmake --preset fuzz`")
  endif()
  plenum_fuzz_sources()
  foreach(source IN LISTS targets)
    get_filename_component(target "${source}" NAME_WE)
    plenum_fuzz_program(${target} "${source}" fuzz ${helpers})
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  endforeach()
  plenum_dictionary(api api)
  plenum_dictionary(json native_json rights shard)
  plenum_dictionary(text text)
endfunction()
