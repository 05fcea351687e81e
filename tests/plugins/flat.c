/* SPDX-License-Identifier: Apache-2.0 */
/* A sample plugin that reads and writes: a list of named tensors, then their bytes. All numbers are
 * little-endian.
 *
 *   0   8  "FLATv1\r\n"
 *   8   8  size of the file
 *   16  4  number of tensors
 *   20  4  size of the kept model
 *   24     for each tensor: u8 element type (of ballast_dtype), u8 rank, u16 size of its name, u64 offset of
 * its bytes, u64 for each dimension, the name the kept model the tensors' bytes, each from a multiple of 16
 */
#include <ballast/plugin_abi.h>
#include <string.h>

enum { lead = 24, entry = 12, widest_rank = 32, alignment = 16 };
static const char magic[8] = {'F', 'L', 'A', 'T', 'v', '1', '\r', '\n'};

static uint64_t get(const uint8_t* bytes, int width) {
    uint64_t value = 0;
    while (width-- > 0)
        value = value << 8 | bytes[width];
    return value;
}

static void put(uint8_t* bytes, uint64_t value, int width) {
    for (int i = 0; i < width; ++i)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

static int32_t probe(const ballast_input* in) {
    return in->head_size >= sizeof magic && memcmp(in->head, magic, sizeof magic) == 0 ? BALLAST_CERTAIN
                                                                                       : BALLAST_NO;
}

/* Bytes of `count` elements; UINT64_MAX for more than 64 bits count, which no file has. */
static uint64_t byte_size(int dtype, const uint64_t* dims, uint32_t rank) {
    static const uint8_t bits[] = {0, 8, 4, 4, 8, 8, 16, 16, 32, 32, 64, 64, 8, 8, 16, 16, 32, 64, 64, 128};
    if (dtype < BALLAST_BOOL || dtype > BALLAST_COMPLEX128) return UINT64_MAX;
    uint64_t count = 1;
    for (uint32_t i = 0; i < rank; ++i) {
        if (dims[i] != 0 && count > UINT64_MAX / 128 / dims[i]) return UINT64_MAX;
        count *= dims[i];
    }
    return (count * bits[dtype] + 7) / 8;
}

/* One entry at *place of the directory, which is moved behind it. */
static int32_t open_tensor(const ballast_input* in, const ballast_index* index, uint64_t* place) {
    uint8_t head[entry];
    uint8_t packed[8 * widest_rank];
    uint64_t dims[widest_rank];
    int32_t code = in->read(in->context, *place, head, sizeof head);
    if (code != BALLAST_OK) return code;
    const uint32_t rank = head[1], name_size = (uint32_t)get(head + 2, 2);
    if (rank > widest_rank)
        return in->fail(in->context, BALLAST_DAMAGED, *place + 1, "more than 32 dimensions");
    code = in->read(in->context, *place + entry, packed, 8 * (uint64_t)rank);
    if (code != BALLAST_OK) return code;
    for (uint32_t i = 0; i < rank; ++i)
        dims[i] = get(packed + 8 * i, 8);
    char* name = in->allocate(in->context, name_size);
    if (name == NULL) return BALLAST_LIMIT_EXCEEDED;
    code = in->read(in->context, *place + entry + 8 * (uint64_t)rank, name, name_size);
    if (code != BALLAST_OK) return code;
    *place += entry + 8 * (uint64_t)rank + name_size;

    ballast_tensor tensor = {0};
    tensor.struct_size = sizeof tensor;
    tensor.dtype = head[0];
    tensor.name.data = name;
    tensor.name.size = name_size;
    tensor.dims = dims;
    tensor.rank = rank;
    tensor.offset = get(head + 4, 8);
    tensor.length = byte_size(tensor.dtype, dims, rank);
    if (tensor.length == UINT64_MAX)
        return in->fail(in->context, BALLAST_DAMAGED, *place, "an impossible tensor");
    return index->tensor(index->context, &tensor);
}

static int32_t open_file(const ballast_input* in, const ballast_index* index, void** state) {
    (void)state;
    uint8_t head[lead];
    int32_t code = in->read(in->context, 0, head, sizeof head);
    if (code != BALLAST_OK) return code;
    const uint64_t size = get(head + 8, 8), count = get(head + 16, 4), kept_size = get(head + 20, 4);
    if (size != in->size)
        return in->fail(in->context, size > in->size ? BALLAST_TRUNCATED : BALLAST_DAMAGED, 8,
                        "the file is not as long as it says");
    if (count > size / entry)
        return in->fail(in->context, BALLAST_DAMAGED, 16, "more tensors than there is room for");
    uint64_t place = lead;
    for (uint64_t i = 0; i < count; ++i) {
        code = open_tensor(in, index, &place);
        if (code != BALLAST_OK) return code;
    }
    if (kept_size == 0) return BALLAST_OK;
    if (kept_size > in->size - place)
        return in->fail(in->context, BALLAST_DAMAGED, 20, "the kept model is too long");
    ballast_text kept = {NULL, kept_size};
    char* text = in->allocate(in->context, kept_size);
    if (text == NULL) return BALLAST_LIMIT_EXCEEDED;
    code = in->read(in->context, place, text, kept_size);
    kept.data = text;
    return code != BALLAST_OK ? code : index->kept(index->context, kept);
}

static uint64_t aligned(uint64_t place) {
    return (place + alignment - 1) / alignment * alignment;
}

static int32_t plan(const ballast_model* model, const ballast_plan* out) {
    uint64_t size = lead + model->kept.size;
    for (uint64_t i = 0; i < model->tensor_count; ++i) {
        const ballast_tensor* tensor = &model->tensors[i];
        if (tensor->name.size > UINT16_MAX)
            return model->fail(model->context, BALLAST_LIMIT_EXCEEDED, BALLAST_NOWHERE, "a name is too long");
        size += entry + 8 * (uint64_t)tensor->rank + tensor->name.size;
    }
    if (model->kept.size > UINT32_MAX || model->tensor_count > UINT32_MAX)
        return model->fail(model->context, BALLAST_LIMIT_EXCEEDED, BALLAST_NOWHERE,
                           "more than 32 bits count");
    uint8_t* directory = model->allocate(model->context, size);
    if (directory == NULL) return BALLAST_LIMIT_EXCEEDED;
    uint8_t* at = directory + lead;
    uint64_t end = size;
    for (uint64_t i = 0; i < model->tensor_count; ++i) {
        const ballast_tensor* tensor = &model->tensors[i];
        const uint64_t place = aligned(end);
        at[0] = (uint8_t)tensor->dtype;
        at[1] = (uint8_t)tensor->rank;
        put(at + 2, tensor->name.size, 2);
        put(at + 4, place, 8);
        at += entry;
        for (uint32_t axis = 0; axis < tensor->rank; ++axis, at += 8)
            put(at, tensor->dims[axis], 8);
        memcpy(at, tensor->name.data, tensor->name.size);
        at += tensor->name.size;
        const int32_t code = out->tensor(out->context, place, i);
        if (code != BALLAST_OK) return code;
        end = place + tensor->length;
    }
    if (model->kept.size != 0) memcpy(at, model->kept.data, model->kept.size);
    memcpy(directory, magic, sizeof magic);
    put(directory + 8, end, 8);
    put(directory + 16, model->tensor_count, 4);
    put(directory + 20, model->kept.size, 4);
    const int32_t code = out->bytes(out->context, 0, directory, size);
    return code != BALLAST_OK ? code : out->size(out->context, end);
}

static const char* const aliases[] = {"flat_tensors", NULL};
static const char* const extensions[] = {".flat", NULL};
static const int32_t dtypes[] = {
    BALLAST_BOOL,    BALLAST_INT4,          BALLAST_UINT4,       BALLAST_INT8,      BALLAST_UINT8,
    BALLAST_INT16,   BALLAST_UINT16,        BALLAST_INT32,       BALLAST_UINT32,    BALLAST_INT64,
    BALLAST_UINT64,  BALLAST_FLOAT8_E4M3FN, BALLAST_FLOAT8_E5M2, BALLAST_FLOAT16,   BALLAST_BFLOAT16,
    BALLAST_FLOAT32, BALLAST_FLOAT64,       BALLAST_COMPLEX64,   BALLAST_COMPLEX128};

BALLAST_PLUGIN_EXPORT extern const struct ballast_plugin ballast_plugin_v1;
const struct ballast_plugin ballast_plugin_v1 = {
    .struct_size = sizeof(struct ballast_plugin),
    .abi = BALLAST_PLUGIN_ABI,
    .id = "flat",
    .version = "1.2",
    .title = "a list of tensors and their bytes, the sample of a plugin",
    .looked_for = "FLATv1 at the start",
    .aliases = aliases,
    .extensions = extensions,
    .dtypes = dtypes,
    .dtype_count = sizeof dtypes / sizeof dtypes[0],
    .flags = BALLAST_KEEPS_MODEL,
    .probe = probe,
    .open = open_file,
    .plan = plan,
};
