# SPDX-License-Identifier: Apache-2.0
# The main job on a real file: a compiled Keras 2 model from tests/data/demo becomes a Keras 3 weights file.

show() {
    printf '\n$ %s\n' "$*"
    shift
    "$(tool_of default)" "$@"
}

run_demo() {
    local out=build/demo/digits.weights.h5
    [ -x "$(tool_of default)" ] || say "building the tool (some minutes, once)"
    build_quietly default tools/ballast/ballast || die "the tool does not build"
    cd "$root"
    mkdir -p build/demo
    rm -f "$out"
    show ballast inspect tests/data/demo/digits.h5
    show ballast convert tests/data/demo/digits.h5 "$out"
    show ballast inspect "$out"
    cat <<EOF

Keras 3 loads the new file into the same architecture (Python, from this folder):

    import sys
    sys.path.append("tests/data/demo")
    import keras3_model

    model = keras3_model.build()
    model.load_weights("$out")

where tests/data/demo/keras3_model.py is

$(sed '/^# SPDX/d; /^"""/d' tests/data/demo/keras3_model.py | sed '/./,$!d; s/^\(.\)/    \1/')
EOF
}
