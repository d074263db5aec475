/** DeBERTa of the second and third version: He et al. 2020 (arXiv:2006.03654) and 2021 (arXiv:2111.09543). */
@NullMarked
package org.loft4j.model.deberta;

import org.jspecify.annotations.NullMarked;
