/** Rows, tokenizers and batches; no native tensors. */
@NullMarked
package org.loft4j.data;

import org.jspecify.annotations.NullMarked;
