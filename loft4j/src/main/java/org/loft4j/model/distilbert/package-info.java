/** DistilBERT (Sanh et al. 2019, arXiv:1910.01108). */
@NullMarked
package org.loft4j.model.distilbert;

import org.jspecify.annotations.NullMarked;
