# SPDX-License-Identifier: Apache-2.0
#
# Two interface targets carry every compiler flag of the house:
#   plenum_warnings  for all our C, the host tools included
#   plenum_flags     warnings, sanitizers, hardening: for everything that ends up in a program or a test
#
# NDEBUG is never set: ASSERT guards our own mistakes and stays on in production.

add_library(plenum_warnings INTERFACE)
target_compile_options(plenum_warnings INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wvla -Wstrict-prototypes -Werror)

add_library(plenum_flags INTERFACE)
target_link_libraries(plenum_flags INTERFACE plenum_warnings)
target_include_directories(plenum_flags INTERFACE "${CMAKE_SOURCE_DIR}/src")
target_compile_definitions(plenum_flags INTERFACE "PLENUM_VERSION=\"${PROJECT_VERSION}\"")

if(PLENUM_SANITIZE)
  # A finding ends the program, so a test cannot pass over it.
  target_compile_options(plenum_flags INTERFACE
    -fsanitize=${PLENUM_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(plenum_flags INTERFACE -fsanitize=${PLENUM_SANITIZE})
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    # Instrumented code defeats gcc 12's flow analysis: it warns about values that are always set. The same
    # warning stays an error in the release build, where the analysis sees the real code.
    target_compile_options(plenum_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  # What Debian's own hardening asks for. 95 % and more of a delivery is spent in the kernel (docs/PERFORMANCE.md),
  # so there is little for it to slow down.
  target_compile_options(plenum_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
  target_link_options(plenum_flags INTERFACE -Wl,-z,relro,-z,now)
endif()

if(PLENUM_FUZZ)
  target_compile_options(plenum_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(plenum_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(PLENUM_COVERAGE)
  target_compile_options(plenum_flags INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(plenum_flags INTERFACE --coverage)
endif()
