/** Llama 4: attention in chunks, blocks whose heads are not turned, and experts that weight what they read. */
@NullMarked
package org.loft4j.model.llama4;

import org.jspecify.annotations.NullMarked;
