/** ModernBERT (Warner et al. 2024, arXiv:2412.13663), and what was trained in its shape, such as mmBERT and Ettin's encoders. */
@NullMarked
package org.loft4j.model.modernbert;

import org.jspecify.annotations.NullMarked;
