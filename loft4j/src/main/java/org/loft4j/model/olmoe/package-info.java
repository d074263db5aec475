/** OLMoE: mixtures of experts, and norms over all heads of queries and keys. */
@NullMarked
package org.loft4j.model.olmoe;

import org.jspecify.annotations.NullMarked;
