/** Files: safetensors, JSON, atomic writes. */
@NullMarked
package org.loft4j.io;

import org.jspecify.annotations.NullMarked;
