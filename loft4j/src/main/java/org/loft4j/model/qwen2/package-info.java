/** Qwen2: Llama with biases on queries, keys and values. */
@NullMarked
package org.loft4j.model.qwen2;

import org.jspecify.annotations.NullMarked;
