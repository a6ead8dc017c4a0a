# cmake -DINPUT=FILE -DOUTPUT=HEADER -DNAME=ARRAY -P embed.cmake: FILE's bytes as a C++ array.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "((0x[0-9a-f][0-9a-f],){16})" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "// Generated from ${NAME}.\n#pragma once\n\n"
  "namespace homa::io {\nalignas(8) inline constexpr unsigned char ${NAME}[] = {\n${bytes}};\n}\n")
