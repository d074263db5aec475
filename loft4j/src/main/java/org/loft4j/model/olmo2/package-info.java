/** OLMo 2 and 3: norms behind attention and feed-forward, and over all heads of queries and keys. */
@NullMarked
package org.loft4j.model.olmo2;

import org.jspecify.annotations.NullMarked;
