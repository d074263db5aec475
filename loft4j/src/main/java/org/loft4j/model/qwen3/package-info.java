/** Qwen3: Llama with a norm on each head of queries and keys. */
@NullMarked
package org.loft4j.model.qwen3;

import org.jspecify.annotations.NullMarked;
