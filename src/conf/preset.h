/* SPDX-License-Identifier: ISC */
/* The defaults of the schema. Private to conf. */
#ifndef WEIR_CONF_PRESET_H
#define WEIR_CONF_PRESET_H

/** Sets the defaults of an object, but not the values that it inherits. `schema` is "",
 * "listeners[]" and the like. */
void conf_preset(const char *schema, void *object);

#endif
