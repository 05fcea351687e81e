/* SPDX-License-Identifier: Apache-2.0 */
/* A shared object that is no plugin. */
#include <ballast/plugin_abi.h>

BALLAST_PLUGIN_EXPORT extern const int something_else;
const int something_else = 1;
