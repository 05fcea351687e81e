/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin for Ballast that reads GGUF, the files of llama.cpp and ggml: docs/write_a_plugin.md builds it
 * step by step. */

/* [numbers] */
#include <ballast/plugin_abi.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    oldest_version = 2, /* version 1 had 32-bit counts */
    newest_version = 3,
    most_dims = 4,
    default_alignment = 32,
    least_pair = 13,  /* bytes of a metadata pair: an empty key, a type, one byte */
    least_tensor = 24 /* of a tensor's entry: an empty name, no dimensions, type, offset */
};
enum { value_bool = 7, value_string = 8, value_array = 9, value_types = 13 };

/* Bytes of a metadata value by its type; 0 for strings and arrays. */
static const uint8_t value_size[value_types] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

/* What a number in a tensor's entry means. Blocks of several elements are decoded to float32. */
struct type {
    uint32_t number;
    const char* name;
    int32_t dtype;         /* of Ballast; 0 when this plugin cannot read it */
    uint32_t block, bytes; /* elements and bytes of a block */
};
static const struct type types[] = {
    {0, "F32", BALLAST_FLOAT32, 1, 4},
    {1, "F16", BALLAST_FLOAT16, 1, 2},
    {2, "Q4_0", 0, 32, 18},
    {3, "Q4_1", 0, 32, 20},
    {6, "Q5_0", 0, 32, 22},
    {7, "Q5_1", 0, 32, 24},
    {8, "Q8_0", BALLAST_FLOAT32, 32, 34},
    {10, "Q2_K", 0, 256, 84},
    {11, "Q3_K", 0, 256, 110},
    {12, "Q4_K", 0, 256, 144},
    {13, "Q5_K", 0, 256, 176},
    {14, "Q6_K", 0, 256, 210},
    {24, "I8", BALLAST_INT8, 1, 1},
    {25, "I16", BALLAST_INT16, 1, 2},
    {26, "I32", BALLAST_INT32, 1, 4},
    {27, "I64", BALLAST_INT64, 1, 8},
    {28, "F64", BALLAST_FLOAT64, 1, 8},
    {30, "BF16", BALLAST_BFLOAT16, 1, 2},
};
/* [numbers] */

/* [cursor] */
/* Where we are in the file. After the first failure `code` stays set and reads give zeros, so that callers
 * may look once. */
struct cursor {
    const ballast_input* in;
    uint64_t place;
    int32_t code;
};

static int32_t broken(struct cursor* at, int32_t code, const char* message) {
    if (at->code == BALLAST_OK) at->code = at->in->fail(at->in->context, code, at->place, message);
    return at->code;
}

static void take(struct cursor* at, void* out, uint64_t length) {
    if (at->code == BALLAST_OK) at->code = at->in->read(at->in->context, at->place, out, length);
    if (at->code == BALLAST_OK) at->place += length;
}

static uint64_t number(struct cursor* at, int width) {
    uint8_t bytes[8] = {0};
    uint64_t value = 0;
    take(at, bytes, (uint64_t)width);
    while (width-- > 0)
        value = value << 8 | bytes[width];
    return value;
}

static ballast_text string(struct cursor* at) {
    ballast_text text = {NULL, number(at, 8)};
    if (at->code == BALLAST_OK && text.size > at->in->size - at->place)
        broken(at, BALLAST_TRUNCATED, "the file ends within a text");
    char* memory = at->code == BALLAST_OK ? at->in->allocate(at->in->context, text.size) : NULL;
    if (memory == NULL) {
        if (at->code == BALLAST_OK) at->code = BALLAST_LIMIT_EXCEEDED;
        text.size = 0;
        return text;
    }
    take(at, memory, text.size);
    text.data = memory;
    return text;
}

static void skip(struct cursor* at, uint64_t count, uint64_t width) {
    if (at->code != BALLAST_OK) return;
    if (count > (at->in->size - at->place) / width)
        broken(at, BALLAST_TRUNCATED, "the file ends within a list");
    else
        at->place += count * width;
}
/* [cursor] */

/* [metadata] */
static ballast_text literal(const char* text) {
    const ballast_text result = {text, strlen(text)};
    return result;
}

/* Vocabularies have a hundred thousand members: what there is of a list is said, not repeated. */
static void list(struct cursor* at, const ballast_index* index, ballast_text key) {
    char words[64];
    const uint64_t type = number(at, 4), count = number(at, 8);
    if (at->code == BALLAST_OK && (type >= value_types || type == value_array))
        broken(at, BALLAST_UNSUPPORTED, "a list of lists, or of a type that is not known");
    if (at->code != BALLAST_OK) return;
    if (type != value_string) skip(at, count, value_size[type]);
    for (uint64_t i = 0; type == value_string && i < count && at->code == BALLAST_OK; ++i)
        skip(at, number(at, 8), 1);
    if (at->code != BALLAST_OK) return;
    snprintf(words, sizeof words, "a list of %" PRIu64, count);
    at->code = index->metadata_text(index->context, key, literal(words));
}

static double as_double(uint64_t bits, int width) {
    const uint32_t half = (uint32_t)bits;
    float narrow;
    double wide;
    memcpy(&narrow, &half, sizeof narrow);
    memcpy(&wide, &bits, sizeof wide);
    return width == 4 ? (double)narrow : wide;
}

static void value(struct cursor* at, const ballast_index* index, uint64_t* alignment) {
    static const char alignment_key[] = "general.alignment";
    char json[40];
    const ballast_text key = string(at);
    const uint64_t type = number(at, 4);
    if (at->code == BALLAST_OK && type >= value_types)
        broken(at, BALLAST_DAMAGED, "a value of an unknown type");
    if (at->code != BALLAST_OK) return;
    if (type == value_array) {
        list(at, index, key);
        return;
    }
    if (type == value_string) {
        const ballast_text text = string(at);
        if (at->code == BALLAST_OK) at->code = index->metadata_text(index->context, key, text);
        return;
    }
    const int width = value_size[type];
    const uint64_t bits = number(at, width);
    if (at->code != BALLAST_OK) return;
    if (key.size == sizeof alignment_key - 1 && memcmp(key.data, alignment_key, key.size) == 0) {
        if (bits == 0 || bits > 1U << 20) broken(at, BALLAST_DAMAGED, "an alignment that makes no sense");
        *alignment = bits;
    }
    const double real = as_double(bits, width);
    const uint64_t sign = UINT64_C(1) << (8 * width - 1);
    const int is_real = type == 6 || type == 12;
    if (type == value_bool)
        snprintf(json, sizeof json, "%s", bits != 0 ? "true" : "false");
    else if (is_real && !isfinite(real))
        snprintf(json, sizeof json, "%s", isnan(real) ? "NaN" : real < 0 ? "-Infinity" : "Infinity");
    else if (is_real)
        snprintf(json, sizeof json, "%.*g", width == 4 ? 9 : 17, real);
    else if (type % 2 == 1 && (bits & sign) != 0)
        snprintf(json, sizeof json, "-%" PRIu64, (sign << 1) - bits);
    else
        snprintf(json, sizeof json, "%" PRIu64, bits);
    at->code = index->metadata_json(index->context, key, literal(json));
}
/* [metadata] */

/* [tensors] */
static const struct type* type_of(uint64_t number) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; ++i)
        if (types[i].number == number) return &types[i];
    return NULL;
}

/* Entries give offsets from where the data start, which is known after the last of them. */
struct entry {
    ballast_text name;
    uint64_t dims[most_dims]; /* outermost first, as everywhere but in GGUF */
    uint32_t rank;
    uint64_t type, offset;
};

static void read_entry(struct cursor* at, struct entry* entry) {
    entry->name = string(at);
    const uint64_t rank = number(at, 4);
    if (at->code == BALLAST_OK && rank > most_dims)
        broken(at, BALLAST_DAMAGED, "a tensor of more than 4 dimensions");
    if (at->code != BALLAST_OK) return;
    entry->rank = (uint32_t)rank;
    for (uint32_t i = entry->rank; i-- > 0;)
        entry->dims[i] = number(at, 8);
    entry->type = number(at, 4);
    entry->offset = number(at, 8);
}

/* The bytes of the tensor; 0 with at->code set when they cannot be counted. */
static uint64_t stored_bytes(struct cursor* at, const struct entry* entry, const struct type* type) {
    uint64_t count = 1;
    for (uint32_t i = 0; i < entry->rank; ++i) {
        if (entry->dims[i] != 0 && count > at->in->size / entry->dims[i] * 32) {
            broken(at, BALLAST_DAMAGED, "a tensor is larger than the file");
            return 0;
        }
        count *= entry->dims[i];
    }
    const uint64_t row = entry->rank == 0 ? 1 : entry->dims[entry->rank - 1];
    if (row % type->block != 0) broken(at, BALLAST_DAMAGED, "a row that is no whole number of blocks");
    return count / type->block * type->bytes;
}

static void tell(struct cursor* at, const ballast_index* index, const struct entry* entry, uint64_t data) {
    char words[64];
    const struct type* type = type_of(entry->type);
    if (type == NULL || type->dtype == 0) {
        snprintf(words, sizeof words, "its type is %s, which is not decoded", type ? type->name : "unknown");
        at->code = index->problem(index->context, entry->name, BALLAST_UNSUPPORTED, literal(words));
        return;
    }
    ballast_tensor tensor = {0};
    tensor.struct_size = sizeof tensor;
    tensor.dtype = type->dtype;
    tensor.name = entry->name;
    tensor.dims = entry->dims;
    tensor.rank = entry->rank;
    tensor.length = stored_bytes(at, entry, type);
    tensor.offset = data + entry->offset;
    if (at->code == BALLAST_OK && tensor.offset < data)
        broken(at, BALLAST_DAMAGED, "an offset beyond 64 bits");
    if (type->block != 1) {
        tensor.flags = BALLAST_TENSOR_DECODED;
        tensor.cookie = tensor.offset;
    }
    if (at->code == BALLAST_OK) at->code = index->tensor(index->context, &tensor);
}
/* [tensors] */

/* [open] */
static int32_t probe(const ballast_input* in) {
    return in->head_size >= 4 && memcmp(in->head, "GGUF", 4) == 0 ? BALLAST_CERTAIN : BALLAST_NO;
}

static int32_t open_file(const ballast_input* in, const ballast_index* index, void** state) {
    struct cursor at = {in, 4, BALLAST_OK};
    (void)state; /* decode() needs nothing but the place, which is its cookie */
    const uint64_t version = number(&at, 4), tensors = number(&at, 8), pairs = number(&at, 8);
    if (at.code == BALLAST_OK && (version < oldest_version || version > newest_version))
        broken(&at, BALLAST_UNSUPPORTED, "a version of GGUF other than 2 and 3");
    if (at.code == BALLAST_OK && (tensors > in->size / least_tensor || pairs > in->size / least_pair))
        broken(&at, BALLAST_DAMAGED, "it counts more than it has room for");
    if (at.code == BALLAST_OK && tensors > in->limits->objects)
        broken(&at, BALLAST_LIMIT_EXCEEDED, "more tensors than the limit");
    uint64_t alignment = default_alignment;
    for (uint64_t i = 0; i < pairs && at.code == BALLAST_OK; ++i)
        value(&at, index, &alignment);
    struct entry* entries =
        at.code == BALLAST_OK ? in->allocate(in->context, tensors * sizeof *entries) : NULL;
    if (entries == NULL) return at.code != BALLAST_OK ? at.code : BALLAST_LIMIT_EXCEEDED;
    for (uint64_t i = 0; i < tensors && at.code == BALLAST_OK; ++i)
        read_entry(&at, &entries[i]);
    const uint64_t data = (at.place + alignment - 1) / alignment * alignment;
    for (uint64_t i = 0; i < tensors && at.code == BALLAST_OK; ++i)
        tell(&at, index, &entries[i], data);
    return at.code;
}
/* [open] */

/* [decode] */
static float half(uint64_t bits) {
    const int exponent = (int)(bits >> 10 & 31), sign = bits >> 15 ? -1 : 1;
    const int fraction = (int)(bits & 1023);
    if (exponent == 31) return fraction != 0 ? NAN : (float)sign * INFINITY;
    return (float)sign *
           (exponent == 0 ? ldexpf((float)fraction, -24) : ldexpf((float)(1024 + fraction), exponent - 25));
}

/* Q8_0: 32 elements are a float16 scale and 32 signed bytes. */
static int32_t decode(void* state, const ballast_input* in, uint64_t cookie, void* out, uint64_t size) {
    struct cursor at = {in, cookie, BALLAST_OK};
    uint8_t* to = out;
    (void)state;
    for (uint64_t done = 0; done < size && at.code == BALLAST_OK; done += 32 * sizeof(float)) {
        const float scale = half(number(&at, 2));
        int8_t values[32] = {0};
        take(&at, values, sizeof values);
        for (int i = 0; i < 32; ++i, to += sizeof(float)) {
            const float element = scale * (float)values[i];
            memcpy(to, &element, sizeof element);
        }
    }
    return at.code;
}
/* [decode] */

/* [plugin] */
static const char* const extensions[] = {".gguf", NULL};
static const int32_t dtypes[] = {BALLAST_FLOAT32, BALLAST_FLOAT16, BALLAST_BFLOAT16, BALLAST_FLOAT64,
                                 BALLAST_INT8,    BALLAST_INT16,   BALLAST_INT32,    BALLAST_INT64};

BALLAST_PLUGIN_EXPORT extern const struct ballast_plugin ballast_plugin_v1;
const struct ballast_plugin ballast_plugin_v1 = {
    .struct_size = sizeof(struct ballast_plugin),
    .abi = BALLAST_PLUGIN_ABI,
    .id = "gguf",
    .version = "1.0",
    .title = "GGUF of llama.cpp and ggml: plain tensors and Q8_0",
    .looked_for = "GGUF at the start",
    .extensions = extensions,
    .dtypes = dtypes,
    .dtype_count = sizeof dtypes / sizeof dtypes[0],
    .probe = probe,
    .open = open_file,
    .decode = decode,
};
/* [plugin] */
