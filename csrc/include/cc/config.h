/* cc/config.h: how the library was built, where a header depends on it. This copy says nothing, so that the
 * compiler's flags decide; the build installs one that says what the library has, and refuses other flags. */
#ifndef CC_CONFIG_H
#define CC_CONFIG_H
#endif
