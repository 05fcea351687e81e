/* SPDX-License-Identifier: Apache-2.0 */
/* A file format from outside of Ballast: the C ABI between a plugin (a shared object) and its host,
 * version 1.
 *
 * A plugin exports one constant, `ballast_plugin_v1`, that says who it is and which functions it has. It
 * never opens files: it reads through the host's ballast_input, tells what a file holds to a ballast_index,
 * and tells a ballast_plan where which bytes of a new file go. Bulk bytes are moved by the host alone, but
 * for tensors the plugin asks to decode itself.
 *
 * Conventions:
 *   1. Each struct starts with struct_size, set by who made it. A later host may append members, so look at
 *      struct_size before you use one that is not in the version you were written for.
 *   2. Functions answer BALLAST_OK or another code of ballast_code. Before you answer a code of your own call
 * fail(); when a function of the host answers one, return it: the host knows the reason.
 *   3. Texts from the host and names for it are UTF-8 and may be of any length; they are copied in both
 * directions. A ballast_text need not end with a zero byte. Text in ballast_plugin does.
 *   4. Memory from allocate() is zeroed, fits every type, is bounded by the host's limits and freed by the
 * host: after open() when the file is closed, else after the call. So no error path has to free anything.
 *   5. probe, open and plan may run on several threads at once, each with objects of its own. The host calls
 * decode for one opened file from one thread at a time, and close once, when nothing of the file is in use.
 *   6. Never let an exception of another language out, never exit, never print. Take every number that you
 * read from a file for hostile: the host checks places and sizes that you report, but not your arithmetic.
 */
#ifndef BALLAST_PLUGIN_ABI_H
#define BALLAST_PLUGIN_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The version of this header; ballast_plugin.abi must be it. */
#define BALLAST_PLUGIN_ABI 1u
/** The symbol that a plugin exports: `const struct ballast_plugin ballast_plugin_v1`. */
#define BALLAST_PLUGIN_SYMBOL "ballast_plugin_v1"

/** Put before the definition of ballast_plugin_v1. */
#if defined(__GNUC__)
#define BALLAST_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define BALLAST_PLUGIN_EXPORT
#endif

/** What a function answers. The numbers are stable; unknown ones count as BALLAST_FAILED. */
enum ballast_code {
    BALLAST_OK = 0,
    BALLAST_DAMAGED = 1,            /**< the bytes contradict the format */
    BALLAST_TRUNCATED = 2,          /**< the file ends before something that it promises */
    BALLAST_CHECKSUM_MISMATCH = 3,  /**< a stored checksum does not fit the bytes */
    BALLAST_LIMIT_EXCEEDED = 4,     /**< a size or count above the limits */
    BALLAST_UNSUPPORTED = 5,        /**< well formed, but not something this plugin does */
    BALLAST_EXTERNAL_REFERENCE = 6, /**< the file points at bytes outside of itself */
    BALLAST_UNSUPPORTED_DTYPE = 7,  /**< the format cannot hold this element type */
    BALLAST_INVALID_ARGUMENT = 8,   /**< the caller's words make no sense */
    BALLAST_OUT_OF_MEMORY = 9,      /**< an allocation failed */
    BALLAST_FAILED = 10             /**< anything else: a bug of the plugin */
};

/** Element types. Little-endian in files unless BALLAST_TENSOR_BIG_ENDIAN says otherwise. */
enum ballast_dtype {
    BALLAST_BOOL = 1, /**< one byte, 0 or 1 */
    BALLAST_INT4 = 2, /**< two to a byte, the first in the low half */
    BALLAST_UINT4 = 3,
    BALLAST_INT8 = 4,
    BALLAST_UINT8 = 5,
    BALLAST_INT16 = 6,
    BALLAST_UINT16 = 7,
    BALLAST_INT32 = 8,
    BALLAST_UINT32 = 9,
    BALLAST_INT64 = 10,
    BALLAST_UINT64 = 11,
    BALLAST_FLOAT8_E4M3FN = 12,
    BALLAST_FLOAT8_E5M2 = 13,
    BALLAST_FLOAT16 = 14,
    BALLAST_BFLOAT16 = 15,
    BALLAST_FLOAT32 = 16,
    BALLAST_FLOAT64 = 17,
    BALLAST_COMPLEX64 = 18,
    BALLAST_COMPLEX128 = 19
};

/** What probe() answers. */
enum ballast_confidence {
    BALLAST_NO = 0,     /**< not ours */
    BALLAST_MAYBE = 1,  /**< it could be, if nobody else is certain */
    BALLAST_CERTAIN = 2 /**< ours, even if it turns out to be damaged */
};

/** For an offset that is not known. */
#define BALLAST_NOWHERE UINT64_MAX

/** Text of a known length. data may be null when size is 0. */
typedef struct ballast_text {
    const char* data; /**< UTF-8 */
    uint64_t size;    /**< in bytes */
} ballast_text;

/** What a file may make us do. Sizes in bytes. */
typedef struct ballast_limits {
    uint32_t struct_size;    /**< sizeof of it, set by who made it */
    uint32_t name_bytes;     /**< one name */
    uint64_t objects;        /**< tensors and other things of one file */
    uint64_t metadata_bytes; /**< all that is taken with allocate() */
    uint64_t tensor_bytes;   /**< one tensor, decoded */
} ballast_limits;

/** A file that is read. Belongs to the host; valid until the call ends, that of open() until close(). */
typedef struct ballast_input {
    uint32_t struct_size;         /**< sizeof of it, set by who made it */
    uint32_t head_size;           /**< bytes of head: 4096, or all of a smaller file */
    void* context;                /**< to hand to the functions below */
    uint64_t size;                /**< of the file */
    const uint8_t* head;          /**< its first bytes */
    const ballast_limits* limits; /**< never null */
    /** Fills `out` with `length` bytes from `offset` on; BALLAST_TRUNCATED when the file ends first. */
    int32_t (*read)(void* context, uint64_t offset, void* out, uint64_t length);
    /** Zeroed memory; null when there is none or the limit is passed. See convention 4. */
    void* (*allocate)(void* context, uint64_t size);
    /** Remembers the reason of a failure (the first one counts) and answers `code`. `offset` may be
     * BALLAST_NOWHERE. */
    int32_t (*fail)(void* context, int32_t code, uint64_t offset, const char* message);
} ballast_input;

/** The stored elements are big-endian. */
#define BALLAST_TENSOR_BIG_ENDIAN 1u
/** The bytes are what the plugin's decode() makes: row-major, little-endian. */
#define BALLAST_TENSOR_DECODED 2u

/** One tensor, row-major, packed. */
typedef struct ballast_tensor {
    uint32_t struct_size; /**< sizeof of it, set by who made it */
    int32_t dtype;        /**< ballast_dtype */
    ballast_text name;    /**< within the file */
    const uint64_t* dims; /**< outermost first; may be null when rank is 0 */
    uint32_t rank;        /**< at most 32; 0 is a scalar */
    uint32_t flags;       /**< BALLAST_TENSOR_… */
    uint64_t offset;      /**< reading: where the stored bytes begin; writing: not used */
    uint64_t length;      /**< stored bytes; of a tensor that is not decoded the size of its elements */
    uint64_t cookie;      /**< handed to decode(); anything */
} ballast_tensor;

/** What a file holds: open() tells it. Valid until the call ends. */
typedef struct ballast_index {
    uint32_t struct_size; /**< sizeof of it, set by who made it */
    uint32_t reserved;    /**< 0 */
    void* context;        /**< to hand to the functions below */
    /** Adds a tensor. Names are unique; the order is that of the index. */
    int32_t (*tensor)(void* context, const ballast_tensor* tensor);
    /** Adds bytes that are no tensor, so that they are not forgotten. */
    int32_t (*blob)(void* context, ballast_text name, uint64_t offset, uint64_t length);
    /** Adds a member to the metadata that `ballast inspect` shows: a text. */
    int32_t (*metadata_text)(void* context, ballast_text key, ballast_text value);
    /** The same, of a value written as JSON: a number, a list, an object. */
    int32_t (*metadata_json)(void* context, ballast_text key, ballast_text json);
    /** What ballast_model.kept was when the file was written, if the format keeps it. */
    int32_t (*kept)(void* context, ballast_text kept);
    /** Something the user should look at. */
    int32_t (*warning)(void* context, ballast_text text);
    /** A part that cannot be read: the file can be listed, but not converted. `code` says why. */
    int32_t (*problem)(void* context, ballast_text name, int32_t code, ballast_text reason);
} ballast_index;

/** What shall be written. Belongs to the host; valid until the call ends. */
typedef struct ballast_model {
    uint32_t struct_size;  /**< sizeof of it, set by who made it */
    uint32_t reserved;     /**< 0 */
    void* context;         /**< to hand to the functions below */
    uint64_t tensor_count; /**< of tensors; 0 when there are none */
    /** tensor_count tensors; of each struct_size, dtype, name, dims, rank and length (of its bytes) are set.
     * Names are unique and without zero bytes. */
    const ballast_tensor* tensors;
    ballast_text metadata; /**< a JSON object of what came with the model; empty when there is none */
    /** Layers, configs and optimizer as text. A format that keeps it and hands it to ballast_index.kept gives
     * models back as they were; one that does not holds loose tensors. Empty when there is nothing to keep.
     */
    ballast_text kept;
    const ballast_limits* limits; /**< never null */
    /** As of ballast_input. */
    void* (*allocate)(void* context, uint64_t size);
    /** As of ballast_input; the offset is of the new file. */
    int32_t (*fail)(void* context, int32_t code, uint64_t offset, const char* message);
} ballast_model;

/** A new file: plan() lays it out. Pieces do not overlap, bytes between them are zeros. Valid until the call
 * ends. */
typedef struct ballast_plan {
    uint32_t struct_size; /**< sizeof of it, set by who made it */
    uint32_t reserved;    /**< 0 */
    void* context;        /**< to hand to the functions below */
    /** Bytes known now; they are copied. */
    int32_t (*bytes)(void* context, uint64_t offset, const void* data, uint64_t length);
    /** The elements of model->tensors[position], little-endian. Each tensor must be placed once. */
    int32_t (*tensor)(void* context, uint64_t offset, uint64_t position);
    /** The size of the file; without it, the end of the last piece. */
    int32_t (*size)(void* context, uint64_t size);
} ballast_plan;

/** Format keeps ballast_model.kept. */
#define BALLAST_KEEPS_MODEL 1u

/** Who a plugin is and what it does. Functions that it has not are null. */
struct ballast_plugin {
    uint32_t struct_size;       /**< sizeof of it, set by who made it */
    uint32_t abi;               /**< BALLAST_PLUGIN_ABI */
    const char* id;             /**< a-z, 0-9 and _, at most 32: what --from and --to are given */
    const char* version;        /**< the plugin's own */
    const char* title;          /**< one line for `ballast formats` */
    const char* looked_for;     /**< what probe() looks for, for messages: "the letters GGUF at the start" */
    const char* const* aliases; /**< further ids, ended by null; null when there are none */
    const char* const* extensions; /**< ".gguf", longest first, ended by null; null when there are none */
    const int32_t* dtypes;         /**< of ballast_dtype: what the format can hold */
    uint32_t dtype_count;          /**< of dtypes, at least 1 */
    uint32_t flags;                /**< BALLAST_KEEPS_MODEL */
    /** Answers ballast_confidence. Cheap: most files are not yours, and head is mostly enough. */
    int32_t (*probe)(const ballast_input* input);
    /** Tells what the file holds. *state, null before, is handed to decode() and close(). */
    int32_t (*open)(const ballast_input* input, const ballast_index* index, void** state);
    /** Fills `out` with the `size` bytes of the tensor that was added with this cookie. */
    int32_t (*decode)(void* state, const ballast_input* input, uint64_t cookie, void* out, uint64_t size);
    /** Frees what open() took other than with allocate(). Also called when open() failed after it set *state.
     */
    void (*close)(void* state);
    /** Lays a new file out. A plugin without it only reads. */
    int32_t (*plan)(const ballast_model* model, const ballast_plan* plan);
};

#ifdef __cplusplus
}
#endif

#endif
