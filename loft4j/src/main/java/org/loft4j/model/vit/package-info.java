/** The vision transformer (Dosovitskiy et al. 2020, arXiv:2010.11929) and DeiT (Touvron et al. 2020, arXiv:2012.12877). */
@NullMarked
package org.loft4j.model.vit;

import org.jspecify.annotations.NullMarked;
