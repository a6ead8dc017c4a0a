#!/usr/bin/env bash
# wheel_test.sh PYTHON SOURCE LIBRARY FOLDER: builds the wheel, and uses what is in it without the
# source tree. Exit 77: it cannot run here.
set -euo pipefail
python=$1 source=$2 library=$3 folder=$4
"$python" -c "import setuptools, wheel" 2>/dev/null || {
  echo "skipped: python3-setuptools or python3-wheel is not installed"
  exit 77
}
rm -rf "$folder"
mkdir -p "$folder/source/bindings" "$folder/installed"
cp -r "$source/bindings/python" "$folder/source/bindings"
cp "$source/CMakeLists.txt" "$folder/source"
cp -r "$source/include" "$folder/source"
(cd "$folder/source/bindings/python" &&
  "$python" setup.py --quiet bdist_wheel --dist-dir "$folder") 2>"$folder/log" ||
  { cat "$folder/log"; exit 1; }
"$python" -m zipfile -e "$folder"/homa-*-py3-none-any.whl "$folder/installed"
cd "$folder/installed"
for test in messages rpc; do
  HOMA_DAEMON=off HOMA_LIBRARY=$library PYTHONPATH=$folder/installed \
    "$python" "$source/bindings/python/tests/test_$test.py"
done
