# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "mumbai";
    pushTokenFile = "/etc/clavitor/environment";
    region = "ap-south-1";
    subdomain = "mumbai";
    tunnelAddress = "10.84.0.24";
  };
}
