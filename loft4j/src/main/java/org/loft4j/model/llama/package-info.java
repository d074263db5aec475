/** Llama: a decoder with rotary positions, grouped-query attention and SwiGLU. */
@NullMarked
package org.loft4j.model.llama;

import org.jspecify.annotations.NullMarked;
