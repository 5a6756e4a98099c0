SELECT CASE WHEN app LIKE 'a%' ESCAPE '|' THEN 1.5 ELSE x'ff' END, @v, @@w, ?, CAST(1e3 AS DECIMAL(5,2)) /*!40001 , 2 */ FROM (SELECT * FROM flows UNION ALL SELECT * FROM flows) t -- c
