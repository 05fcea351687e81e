/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin for a version of the ABI that is not there yet: only its first two members have a known meaning.
 */
#include <ballast/plugin_abi.h>

BALLAST_PLUGIN_EXPORT extern const struct ballast_plugin ballast_plugin_v1;
const struct ballast_plugin ballast_plugin_v1 = {
    .struct_size = 8,
    .abi = BALLAST_PLUGIN_ABI + 1,
};
