// SPDX-License-Identifier: Apache-2.0
// The hash of a SavedModel's variables, and putting it into fingerprint.pb.
#include <doctest/doctest.h>

#include <string>

#include "ballast/error.h"
#include "container/bundle/fingerprint.h"
#include "support/expect_error.h"

using namespace ballast;

TEST_CASE("fingerprints are TensorFlow's") {
    // tf.fingerprint() of the first n letters of abc…zabc…
    std::string text;
    while (text.size() < 200)
        text += static_cast<char>('a' + text.size() % 26);
    CHECK(bundle::fingerprint64(text.substr(0, 0)) == 11160318154034397263ULL);
    CHECK(bundle::fingerprint64(text.substr(0, 1)) == 12917804110809363939ULL);
    CHECK(bundle::fingerprint64(text.substr(0, 3)) == 2640714258260161385ULL);
    CHECK(bundle::fingerprint64(text.substr(0, 4)) == 1897425971756105985ULL);
    CHECK(bundle::fingerprint64(text.substr(0, 7)) == 4341691227789030229ULL);
    CHECK(bundle::fingerprint64(text.substr(0, 8)) == 18368443631171807497ULL);
    CHECK(bundle::fingerprint64(text.substr(0, 16)) == 6080716761534418621ULL);
    CHECK(bundle::fingerprint64(text.substr(0, 17)) == 11394395984755135400ULL);
    CHECK(bundle::fingerprint64(text.substr(0, 32)) == 18417110746069939610ULL);
    CHECK(bundle::fingerprint64(text.substr(0, 33)) == 2004761416539416594ULL);
    CHECK(bundle::fingerprint64(text.substr(0, 64)) == 11261912070464707578ULL);
    CHECK(bundle::fingerprint64(text.substr(0, 65)) == 2608948203458330154ULL);
    CHECK(bundle::fingerprint64(text.substr(0, 128)) == 14061449006046005066ULL);
    CHECK(bundle::fingerprint64(text.substr(0, 129)) == 11176984671211548628ULL);
    CHECK(bundle::fingerprint64(text.substr(0, 200)) == 2725806534515858166ULL);
}

TEST_CASE("the hash in fingerprint.pb") {
    const std::string before("\x08\x05\x10\x06", 4), after("\x32\x02\x08\x04\x3a\x01u", 7);
    const std::string made = before + std::string("\x28\x07", 2) + after;
    CHECK(bundle::with_checkpoint_hash(before + std::string("\x28\xff\x01", 3) + after, 7) == made);
    CHECK(bundle::with_checkpoint_hash(before + after, 7) == made);
    CHECK(bundle::with_checkpoint_hash(before, 7) == before + std::string("\x28\x07", 2));
    CHECK(test::code_of([] { bundle::with_checkpoint_hash("\x3a\x7f", 7); }) == ErrorCode::damaged);
}
