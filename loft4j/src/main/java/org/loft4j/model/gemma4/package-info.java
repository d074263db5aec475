/** Gemma 4, text: heads of two sizes, an input of each block's own, and last blocks that take keys and values of earlier ones. */
@NullMarked
package org.loft4j.model.gemma4;

import org.jspecify.annotations.NullMarked;
