SELECT DATE_FORMAT(first_seen,'%Y%f'), COUNT(DISTINCT src_addr,dst_addr), QUANTILE(duration,0.5), bps, GROUP_CONCAT(app SEPARATOR ';') FROM flows GROUP BY host
