/** Phi-3: Llama with fused projections. */
@NullMarked
package org.loft4j.model.phi3;

import org.jspecify.annotations.NullMarked;
