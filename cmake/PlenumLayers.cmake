# SPDX-License-Identifier: Apache-2.0
#
# Layers and programs. A folder without sources yields an interface library, so that the arrows between the
# layers stand even while one of them is empty.

# plenum_layer(<name> [PURE] [LINK <library>...] [EXCEPT <file>...])
# The static library plenum_<name> from src/<name>/. PURE layers do not get _GNU_SOURCE.
function(plenum_layer name)
  cmake_parse_arguments(arg "PURE" "" "LINK;EXCEPT" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/${name}/*.c")
  foreach(file IN LISTS arg_EXCEPT)
    list(REMOVE_ITEM sources "${CMAKE_SOURCE_DIR}/src/${name}/${file}")
  endforeach()

  if(NOT sources)
    add_library(plenum_${name} INTERFACE)
    target_link_libraries(plenum_${name} INTERFACE plenum_flags ${arg_LINK})
    return()
  endif()
  add_library(plenum_${name} STATIC ${sources})
  target_link_libraries(plenum_${name} PUBLIC plenum_flags ${arg_LINK})
  if(NOT arg_PURE)
    target_compile_definitions(plenum_${name} PRIVATE _GNU_SOURCE)
  endif()
endfunction()

# plenum_program(<name> GLOB <pattern>... LINK <library>... [DIRECTORY <dir>])
# One executable from all sources that match; nothing if none does.
function(plenum_program name)
  cmake_parse_arguments(arg "" "DIRECTORY" "GLOB;LINK" ${ARGN})
  list(TRANSFORM arg_GLOB PREPEND "${CMAKE_SOURCE_DIR}/")
  file(GLOB sources CONFIGURE_DEPENDS ${arg_GLOB})
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE plenum_flags ${arg_LINK})
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/${arg_DIRECTORY}")
endfunction()

# plenum_program_each(<dir> GLOB <pattern>... LINK <library>...)
# One executable per source that matches, named after it, in <dir> of the build folder.
function(plenum_program_each dir)
  cmake_parse_arguments(arg "" "" "GLOB;LINK" ${ARGN})
  list(TRANSFORM arg_GLOB PREPEND "${CMAKE_SOURCE_DIR}/")
  file(GLOB sources CONFIGURE_DEPENDS ${arg_GLOB})
  foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(${name} "${source}")
    target_link_libraries(${name} PRIVATE plenum_flags ${arg_LINK})
    target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/${dir}")
  endforeach()
endfunction()
