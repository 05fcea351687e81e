# SPDX-License-Identifier: Apache-2.0
# The API's pages and the guides, in build/docs.

run_docs() {
    need_packages docs
    mkdir -p "$root/build"
    local version
    version=$("$(system_python)" "$root/tools/version.py")
    "$(system_python)" "$root/tools/docs.py" "$root/build/docs" "$version"
}
