/** ALBERT: Lan et al. 2019 (arXiv:1909.11942). */
@NullMarked
package org.loft4j.model.albert;

import org.jspecify.annotations.NullMarked;
