/** Gemma 2: bounded scores, norms around each part, windows in every other block. */
@NullMarked
package org.loft4j.model.gemma2;

import org.jspecify.annotations.NullMarked;
