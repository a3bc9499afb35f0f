"""What the databases of the field are: names of files, who shows what, protocols."""
